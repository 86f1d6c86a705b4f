import {
  BadRequestException,
  ConflictException,
  ForbiddenException,
  GoneException,
  Inject,
  Injectable,
  PreconditionFailedException,
} from '@nestjs/common';

import { Addresses, CONFIG, type Config } from '../../config/index.js';
import type { MultipartOffer, MultipartUpload, UploadParts } from '../../contract/index.js';
import { addressFor, type Audience } from './audience.js';
import { parseFileKey } from './file-key.js';
import { type BegunUpload, partCountOf, sizeOfPart, type StoredPart } from './multipart-store.js';
import { LINK_SECONDS, ObjectStore, type UploadTarget } from './object-store.js';
import { StoredFiles } from './stored-files.js';
import { readUploadToken, type UploadGrant, uploadToken } from './upload-token.js';

/** Path of uploads in parts below an origin. */
const UPLOADS_PATH = '/api/v1/uploads';
/** How long an upload may go on. */
export const UPLOAD_SECONDS = 86_400;
/** Of S3. */
const PARTS_LIMIT = 10_000;
/** Links of one answer. */
const PARTS_AT_ONCE = 20;
const MIB = 1024 * 1024;

/** A part as its sender names it. */
export interface NamedPart {
  readonly part_number: number;
  readonly etag: string;
}

/** Uploads in parts: each step is a link that is signed for one file, and needs no key. */
@Injectable()
export class MultipartUploads {
  private readonly partSize: number;

  constructor(
    @Inject(CONFIG) { limits }: Pick<Config, 'limits'>,
    private readonly store: ObjectStore,
    private readonly stored: StoredFiles,
    private readonly addresses: Addresses,
  ) {
    this.partSize = limits.partBytes;
  }

  /** What begins an upload in parts; `undefined` for a file of one part. */
  offer({ key, size }: UploadTarget, audience: Audience): MultipartOffer | undefined {
    if (size <= this.partSize) return undefined;
    const isOfUsualParts = size <= this.partSize * PARTS_LIMIT;
    const partSize = isOfUsualParts ? this.partSize : Math.ceil(size / PARTS_LIMIT / MIB) * MIB;
    const given = { key, size, partSize, audience, expires: secondsFromNow(LINK_SECONDS) };
    return { start_url: this.link(given), part_size: partSize, part_count: partCountOf(given) };
  }

  /** What a link allows. @throws {ForbiddenException} when it is not signed here, or has expired. */
  read(token: string): UploadGrant {
    const given = readUploadToken(this.store.account, token);
    if (!given)
      throw new ForbiddenException('The link is not signed by this runtime: use it as it was given.');
    if (given.expires < Date.now() / 1000)
      throw new ForbiddenException('The link has expired: presign the file again.');
    return given;
  }

  async begin(given: UploadGrant): Promise<MultipartUpload> {
    if (given.uploadId !== undefined)
      throw new ForbiddenException('This link is for an upload that has begun.');
    const uploadId = await this.store.multipart.begin(given, given.partSize);
    const link = this.link({ ...given, uploadId, expires: secondsFromNow(UPLOAD_SECONDS) });
    return {
      part_size: given.partSize,
      part_count: partCountOf(given),
      parts_url: `${link}/parts`,
      complete_url: `${link}/complete`,
      abort_url: link,
    };
  }

  /** Links of parts, from a number on; a part that is stored has its etag. */
  async parts(given: UploadGrant, from: number): Promise<UploadParts> {
    const upload = begun(given);
    const count = partCountOf(upload);
    if (from > count) throw new BadRequestException(`from is ${from}, but the file has ${count} part(s).`);
    const found = await this.store.multipart.parts(upload);
    if (!found) throw new GoneException(GONE);
    const stored = new Map(found.map((part) => [part.partNumber, part]));
    const end = Math.min(count, from + PARTS_AT_ONCE - 1);
    const parts: UploadParts['parts'] = [];
    for (let number = from; number <= end; number += 1) {
      const { url, headers } = await this.store.part(upload, number, given.audience);
      const etag = stored.get(number)?.etag;
      parts.push({
        part_number: number,
        part_size: sizeOfPart(upload, number),
        upload_url: url,
        upload_headers: headers,
        ...(etag !== undefined && { etag }),
      });
    }
    return { parts, ...(end < count && { next_part_number: end + 1 }) };
  }

  /** Makes the file of its parts; again, when it is made already. @throws {HttpException} when a part is missing, or another than was sent. */
  async complete(given: UploadGrant, named: readonly NamedPart[] | undefined): Promise<{ file_key: string }> {
    const upload = begun(given);
    const parts = await this.store.multipart.parts(upload);
    if (!parts) {
      // A client whose first request was completed, but not answered, asks again.
      if ((await this.store.sizeOf(upload.key)) === upload.size) return this.confirmed(upload);
      throw new GoneException(GONE);
    }
    const fault = missingPart(upload, parts) ?? (named && otherPart(parts, named));
    if (fault !== undefined) throw new BadRequestException(fault);
    const outcome = await this.store.multipart.complete(upload, parts);
    if (outcome === 'exists')
      throw new PreconditionFailedException('A file with this key exists; files are never overwritten.');
    if (outcome === 'gone') throw new ConflictException(CHANGED);
    return this.confirmed(upload);
  }

  abort(given: UploadGrant): Promise<void> {
    return this.store.multipart.abort(begun(given));
  }

  private async confirmed({ key, size }: UploadTarget): Promise<{ file_key: string }> {
    const teamId = parseFileKey(key)?.teamId;
    if (teamId !== undefined) await this.stored.confirm(key, teamId, size);
    return { file_key: key };
  }

  private link(given: UploadGrant): string {
    const address = addressFor(given.audience, this.addresses);
    return `${address}${UPLOADS_PATH}/${uploadToken(this.store.account, given)}`;
  }
}

const GONE = 'This upload is complete, aborted or expired: presign the file again.';
const CHANGED =
  'The parts changed while the upload was completed. Ask for the parts again, then complete it.';

const secondsFromNow = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

function begun(given: UploadGrant): BegunUpload {
  const { uploadId } = given;
  if (uploadId === undefined)
    throw new ForbiddenException('This link only begins an upload: POST to it first.');
  return { ...given, uploadId };
}

function missingPart(upload: BegunUpload, parts: readonly StoredPart[]): string | undefined {
  const sizes = new Map(parts.map(({ partNumber, size }) => [partNumber, size]));
  const count = partCountOf(upload);
  for (let number = 1; number <= count; number += 1) {
    if (sizes.get(number) !== sizeOfPart(upload, number))
      return `Part ${number} of ${count} is missing. Upload it, then complete the upload again.`;
  }
  return undefined;
}

/** Why what is stored is not what its sender names. */
function otherPart(parts: readonly StoredPart[], named: readonly NamedPart[]): string | undefined {
  if (named.length !== parts.length)
    return `parts has ${named.length} part(s), but the file has ${parts.length}: name all of them, or leave parts out.`;
  for (const [index, { partNumber, etag }] of parts.entries()) {
    const given = named[index];
    if (given?.part_number !== partNumber)
      return `parts[${index}] must be part_number ${partNumber}: name the parts in order.`;
    if (given.etag.replaceAll('"', '') !== etag)
      return `The etag of part ${partNumber} is not that of the stored part. Upload the part again.`;
  }
  return undefined;
}
