import { HttpException, HttpStatus, Inject, Injectable, PayloadTooLargeException } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import type { MultipartOffer, OutputFile, PresignedUpload, PresignRequest } from '../../contract/index.js';
import { type FileKeyParts, inputKey, outputKey, type OutputOwner, parseFileKey } from './file-key.js';
import { MultipartUploads } from './multipart-uploads.js';
import { type Audience, LINK_SECONDS, ObjectStore, type SignedUpload } from './object-store.js';
import { StoredFiles, TeamFilesFull } from './stored-files.js';

const DAY_MS = 86_400_000;

/** A file parameter and its accepted media types; without `accept` every type. */
interface FileParameter {
  readonly name: string;
  readonly accept: readonly string[] | undefined;
}

/** An input of a run is not stored any more; the message is for the submitter. */
export class InputGone extends Error {
  override readonly name = 'InputGone';
}

/** Files of teams: uploads, inputs of runs, outputs. A key is only valid for its team. */
@Injectable()
export class FilesService {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: ObjectStore,
    private readonly stored: StoredFiles,
    private readonly multipart: MultipartUploads,
  ) {}

  /** Prepares the upload of an input. */
  async presign(teamId: string, wanted: PresignRequest): Promise<PresignedUpload> {
    const { filesMaxBytes } = this.config;
    if (wanted.file_size > filesMaxBytes) {
      throw new PayloadTooLargeException(
        `file_size is ${wanted.file_size}, but a file may have at most ${filesMaxBytes} bytes here.`,
      );
    }
    const file_key = inputKey(teamId, wanted.file_name, wanted.content_type);
    const target = { key: file_key, size: wanted.file_size };
    await this.stored.announce(teamId, [target]).catch(refuseFull);
    const { url, headers } = await this.store.upload(target, 'public');
    const multipart = this.multipart.offer(target, 'public');
    return { file_key, upload_url: url, upload_headers: headers, ...(multipart && { multipart }) };
  }

  /** Why a value is not an uploaded file that the parameter accepts; `undefined` when it is. */
  async inputFault(
    teamId: string,
    { name, accept }: FileParameter,
    fileKey: string,
  ): Promise<string | undefined> {
    const key = await this.findInput(teamId, fileKey);
    if (!key)
      return `parameter "${name}" must be the file_key of a finished upload (tool presign_file_upload, or POST /r/files/presign), and uploads are kept ${this.config.filesInputDays} day(s)`;
    if (!accept || accept.some((range) => isWithinRange(key.contentType, range))) return undefined;
    return `parameter "${name}" takes ${accept.join(' or ')}, but the file was announced as ${key.contentType}: upload one of that type, and give its content_type when you presign it`;
  }

  /** A download link of an input for an agent. */
  async inputLink(
    teamId: string,
    fileKey: string,
    audience: Audience,
  ): Promise<{ url: string; fileName: string }> {
    const key = await this.findInput(teamId, fileKey);
    if (!key) {
      throw new InputGone(
        `an input file is gone: uploads are kept ${this.config.filesInputDays} day(s); upload it again`,
      );
    }
    return { url: await this.store.download(fileKey, audience), fileName: key.fileName };
  }

  /**
   * To be called before the links of the outputs are made.
   *
   * @throws {TeamFilesFull} when the team would keep too much.
   */
  announceOutputs(run: OutputOwner, files: readonly OutputFile[]): Promise<void> {
    const targets = files.map((file) => ({ key: this.outputKey(run, file), size: file.size }));
    return this.stored.announce(run.teamId, targets);
  }

  /** An upload link of an output for an agent. */
  async outputUpload(
    run: OutputOwner,
    file: OutputFile,
    audience: Audience,
  ): Promise<SignedUpload & { readonly fileKey: string; readonly multipart?: MultipartOffer }> {
    const target = { key: this.outputKey(run, file), size: file.size };
    const multipart = this.multipart.offer(target, audience);
    const single = await this.store.upload(target, audience);
    return { fileKey: target.key, ...single, ...(multipart && { multipart }) };
  }

  /** The key of an output; the same on every node. */
  outputKey(run: OutputOwner, { name, content_type }: OutputFile): string {
    return outputKey(run, name, content_type);
  }

  /** Whether the outputs of a task that ended then are still stored. */
  areOutputsKept(endedAt: Date): boolean {
    return Date.now() - endedAt.getTime() < this.config.filesOutputDays * DAY_MS;
  }

  /** A new link to an output, valid for an hour. */
  async outputLink(fileKey: string): Promise<{ url: string; expiresAt: Date }> {
    const expiresAt = new Date(Date.now() + LINK_SECONDS * 1000);
    return { url: await this.store.download(fileKey, 'public'), expiresAt };
  }

  /** The parts of the key of an uploaded input; `undefined` when the team has no such file. */
  private async findInput(teamId: string, fileKey: string): Promise<FileKeyParts | undefined> {
    const key = parseFileKey(fileKey);
    if (key?.teamId !== teamId) return undefined;
    if (await this.store.has(fileKey)) return key;
    // In the folder of another node, which may be away now and back when the file is needed.
    const place = await this.stored.find(fileKey);
    return place?.isConfirmed && place.folderId !== this.store.folderId ? key : undefined;
  }
}

/** Seconds after which a refused upload may be tried again: expired files are removed every hour. */
const RETRY_AFTER_SECONDS = 3600;

function refuseFull(error: unknown): never {
  if (!(error instanceof TeamFilesFull)) throw error;
  const { message, isTemporary } = error;
  if (!isTemporary) throw new HttpException({ message }, HttpStatus.FORBIDDEN);
  throw new HttpException(
    { message, retry_after_seconds: RETRY_AFTER_SECONDS },
    HttpStatus.TOO_MANY_REQUESTS,
  );
}

/** Whether a media type, parameters aside, is one of a range such as `image/png`, `image/*` or `*` + `/*`. */
function isWithinRange(contentType: string, range: string): boolean {
  const [type, subtype] = essence(contentType);
  const [wantedType, wantedSubtype] = essence(range);
  return (wantedType === '*' || wantedType === type) && (wantedSubtype === '*' || wantedSubtype === subtype);
}

/** Type and subtype, in lower case. */
function essence(contentType: string): readonly [string, string] {
  const [name = ''] = contentType.toLowerCase().split(';');
  const [type = '', subtype = ''] = name.trim().split('/');
  return [type, subtype];
}
