import {
  BadRequestException,
  HttpException,
  HttpStatus,
  Inject,
  Injectable,
  PayloadTooLargeException,
} from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import {
  type MultipartOffer,
  type OutputFile,
  type PresignedUpload,
  type PresignRequest,
  type StoredText,
  TEXT_FILE_BYTES,
  type TextFileRequest,
} from '../../contract/index.js';
import type { Audience } from './audience.js';
import {
  type FileKeyParts,
  inputKey,
  outputKey,
  type OutputOwner,
  parseFileKey,
  parseOutputAlias,
} from './file-key.js';
import { MultipartUploads } from './multipart-uploads.js';
import { ObjectStore, type SignedUpload } from './object-store.js';
import { TeamFilesFull } from './file-quotas.js';
import { StoredFiles } from './stored-files.js';

/** A text is answered before its caller gives up, also when an object store is silent. */
const TEXT_STORE_MS = 6000;

/** A file parameter and its accepted media types; without `accept` every type. */
interface FileParameter {
  readonly name: string;
  readonly accept: readonly string[] | undefined;
}

interface FoundInput extends FileKeyParts {
  readonly storedKey: string;
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

  /** Stores a small text as an input. */
  async storeText(
    teamId: string,
    { file_name, content_type, content_text }: TextFileRequest,
  ): Promise<StoredText> {
    if (!content_text.isWellFormed())
      throw new BadRequestException('content_text holds half of a surrogate pair, which is no character.');
    const bytes = Buffer.from(content_text);
    const limit = Math.min(TEXT_FILE_BYTES, this.config.filesMaxBytes);
    if (bytes.length > limit)
      throw new PayloadTooLargeException(
        `content_text has ${bytes.length} bytes, and at most ${limit} are stored in this way. Presign the file and upload it.`,
      );
    const file_key = inputKey(teamId, file_name, content_type);
    await this.stored.announce(teamId, [{ key: file_key, size: bytes.length }]).catch(refuseFull);
    try {
      await this.store.write(file_key, [bytes], AbortSignal.timeout(TEXT_STORE_MS));
    } catch (error) {
      await this.stored.forget(file_key);
      throw error;
    }
    await this.stored.confirm(file_key, teamId, bytes.length);
    return { file_key, file_size: bytes.length };
  }

  /** Why a value is not an uploaded file that the parameter accepts; `undefined` when it is. */
  async inputFault(
    teamId: string,
    { name, accept }: FileParameter,
    fileKey: string,
  ): Promise<string | undefined> {
    const { filesInputDays, filesOutputDays } = this.config;
    const found = await this.findInput(teamId, fileKey);
    if (!found)
      return `parameter "${name}" must be the file_key of a finished upload (tool presign_file_upload, or POST /r/files/presign) or of an output (file_keys of get_task_result, or GET /r/tasks/{id}/result), and uploads are kept ${filesInputDays} day(s), outputs ${filesOutputDays}`;
    const { contentType, kind } = found;
    if (!accept || accept.some((range) => isWithinRange(contentType, range))) return undefined;
    const what = `parameter "${name}" takes ${accept.join(' or ')}, but`;
    return kind === 'outputs'
      ? `${what} that output is ${contentType}: name one of another type`
      : `${what} the file was announced as ${contentType}: upload one of that type, and give its content_type when you presign it`;
  }

  /** A download link of an input for an agent. */
  async inputLink(
    teamId: string,
    fileKey: string,
    audience: Audience,
  ): Promise<{ url: string; fileName: string }> {
    const { filesInputDays, filesOutputDays } = this.config;
    const found = await this.findInput(teamId, fileKey);
    if (!found) {
      throw new InputGone(
        `an input file is gone: uploads are kept ${filesInputDays} day(s) and outputs ${filesOutputDays}; upload it again, or run again the task that left it`,
      );
    }
    return { url: await this.store.download(found.storedKey, audience), fileName: found.fileName };
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

  /** An uploaded file, or an output of a task; `undefined` when the team has no such file. */
  private async findInput(teamId: string, fileKey: string): Promise<FoundInput | undefined> {
    const output = parseOutputAlias(fileKey);
    const storedKey = output ? await this.stored.keyOfOutput(teamId, output) : fileKey;
    const key = storedKey === undefined ? undefined : parseFileKey(storedKey);
    if (storedKey === undefined || key?.teamId !== teamId || key.kind === 'answers') return undefined;
    if (await this.store.has(storedKey)) return { ...key, storedKey };
    // In the folder of another node, which may be away now and back when the file is needed.
    const place = await this.stored.find(storedKey);
    const isElsewhere = place?.isConfirmed && place.folderId !== this.store.folderId;
    return isElsewhere ? { ...key, storedKey } : undefined;
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
