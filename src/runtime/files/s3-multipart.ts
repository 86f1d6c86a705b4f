import type { ListMultipartUploadsCommandOutput, ListPartsCommandOutput, S3Client } from '@aws-sdk/client-s3';

import { parseFileKey } from './file-key.js';
import type { BegunUpload, Completed, StoredPart } from './multipart-store.js';
import type { FileKind, UploadTarget } from './object-store.js';
import { etagOfParts, headOf, isConflict } from './s3-ownership.js';
import { limited, statusOf, unavailable } from './s3-problems.js';

const CALL_LIMIT_MS = 10_000;
/** A store may copy the parts when it puts them together. */
const COMPLETE_LIMIT_MS = 600_000;
const SWEEP_LIMIT_MS = 30_000;

/** Uploads in parts to a bucket, by the calls of S3. */
export class S3Multipart {
  constructor(
    private readonly client: S3Client,
    private readonly bucket: string,
  ) {}

  async begin({ key }: Pick<UploadTarget, 'key'>): Promise<string> {
    const { CreateMultipartUploadCommand } = await import('@aws-sdk/client-s3');
    const command = new CreateMultipartUploadCommand({ Bucket: this.bucket, Key: key });
    const { UploadId = '' } = await this.client.send(command, limited(CALL_LIMIT_MS)).catch(unavailable);
    return UploadId;
  }

  async parts({ key, uploadId }: BegunUpload): Promise<StoredPart[] | undefined> {
    const { ListPartsCommand } = await import('@aws-sdk/client-s3');
    const parts: StoredPart[] = [];
    let PartNumberMarker: string | undefined;
    do {
      const wanted = { Bucket: this.bucket, Key: key, UploadId: uploadId, PartNumberMarker };
      const page: ListPartsCommandOutput | undefined = await this.client
        .send(new ListPartsCommand(wanted), limited(CALL_LIMIT_MS))
        .catch((error: unknown) => (isGone(error) ? undefined : unavailable(error)));
      if (!page) return undefined;
      for (const { PartNumber = 0, Size = 0, ETag = '' } of page.Parts ?? [])
        parts.push({ partNumber: PartNumber, size: Size, etag: ETag.replaceAll('"', '') });
      // Some stores name a next page although there is none.
      PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } while (PartNumberMarker !== undefined);
    return parts;
  }

  async complete(
    { key, uploadId }: Pick<BegunUpload, 'key' | 'uploadId'>,
    parts: readonly StoredPart[],
    signal?: AbortSignal,
  ): Promise<Completed> {
    const { CompleteMultipartUploadCommand } = await import('@aws-sdk/client-s3');
    const command = new CompleteMultipartUploadCommand({
      Bucket: this.bucket,
      Key: key,
      UploadId: uploadId,
      IfNoneMatch: '*',
      MultipartUpload: {
        Parts: parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: `"${etag}"` })),
      },
    });
    try {
      await this.client.send(command, limited(COMPLETE_LIMIT_MS, signal));
      return 'stored';
    } catch (error) {
      if (!isConflict(error) && !isGone(error)) unavailable(error);
      if (await this.isMadeOf(key, parts)) return 'stored';
      return isConflict(error) ? 'exists' : 'gone';
    }
  }

  /** Whether these parts are the object already: the SDK sends a request again whose response was lost. */
  private async isMadeOf(key: string, parts: readonly StoredPart[]): Promise<boolean> {
    const head = await headOf(this.client, { Bucket: this.bucket, Key: key }).catch(unavailable);
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    return head?.ContentLength === size && head.ETag?.replaceAll('"', '') === etagOfParts(parts);
  }

  async abort({ key, uploadId }: Pick<BegunUpload, 'key' | 'uploadId'>): Promise<void> {
    const { AbortMultipartUploadCommand } = await import('@aws-sdk/client-s3');
    const command = new AbortMultipartUploadCommand({ Bucket: this.bucket, Key: key, UploadId: uploadId });
    await this.client.send(command, limited(CALL_LIMIT_MS)).catch((error: unknown) => {
      if (!isGone(error)) unavailable(error);
    });
  }

  async removeOlder(kind: FileKind, moment: Date, signal: AbortSignal): Promise<void> {
    const { ListMultipartUploadsCommand } = await import('@aws-sdk/client-s3');
    const wanted = { Bucket: this.bucket, Prefix: `${kind}/` };
    let KeyMarker: string | undefined;
    let UploadIdMarker: string | undefined;
    do {
      const command = new ListMultipartUploadsCommand({ ...wanted, KeyMarker, UploadIdMarker });
      const limit = AbortSignal.any([signal, AbortSignal.timeout(SWEEP_LIMIT_MS)]);
      const page: ListMultipartUploadsCommandOutput = await this.client.send(command, { abortSignal: limit });
      for (const { Key: key = '', UploadId: uploadId = '', Initiated } of page.Uploads ?? []) {
        // The bucket may have uploads of other programs.
        if (parseFileKey(key) && Initiated && Initiated < moment) await this.abort({ key, uploadId });
      }
      KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
      UploadIdMarker = page.NextUploadIdMarker;
    } while (KeyMarker !== undefined);
  }
}

/** S3 answers so to an upload that was completed or aborted. */
const isGone = (error: unknown): boolean => statusOf(error) === 404;
