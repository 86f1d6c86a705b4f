import type { S3Client } from '@aws-sdk/client-s3';
import { Logger } from '@nestjs/common';

import { type Audience, isInside } from './audience.js';
import { contentDisposition, type FileKeyParts, parseFileKey } from './file-key.js';
import { type BucketAccount, LinkSigner, newClient } from './link-signer.js';
import { type BegunUpload, sizeOfPart } from './multipart-store.js';
import {
  type DownloadTerms,
  type FileKind,
  ObjectStore,
  ObjectStoreUnavailable,
  type SignedUpload,
  type UploadTarget,
} from './object-store.js';
import { S3Multipart } from './s3-multipart.js';
import { headOf } from './s3-ownership.js';
import { writeObject } from './s3-write.js';
import { limited, statusOf, unusableBucket } from './s3-problems.js';

/** Of one call with its repetitions: a request that needs it is answered within 8 seconds. */
const CALL_LIMIT_MS = 6000;
/** A batch has up to 1,000 keys. */
const SWEEP_LIMIT_MS = 30_000;

/** The endpoint of a store for the runtime and its agents, and for clients. */
export interface Endpoints {
  readonly internal: string;
  readonly public: string;
}

/** A bucket of an S3 endpoint. Links lead to the endpoint; file contents do not pass through the runtime. */
export class S3Store extends ObjectStore {
  readonly folderId = null;
  private readonly logger = new Logger('Files');
  private readonly signer: LinkSigner;
  readonly multipart: S3Multipart;

  private constructor(
    readonly account: BucketAccount,
    private readonly endpoints: Endpoints,
    private readonly client: S3Client,
  ) {
    super();
    this.signer = new LinkSigner(account);
    this.multipart = new S3Multipart(client, account.bucket);
  }

  /** @throws {StartError} when the bucket is missing, or the store refuses the access key or cannot be reached. */
  static async open(account: BucketAccount, endpoints: Endpoints): Promise<S3Store> {
    const client = await newClient(account, endpoints.internal);
    await checkBucket(client, account.bucket).catch((error: unknown) => {
      throw unusableBucket(account.bucket, endpoints.internal, error);
    });
    return new S3Store(account, endpoints, client);
  }

  write(key: string, body: Iterable<Buffer> | AsyncIterable<Buffer>, signal?: AbortSignal): Promise<number> {
    const place = { Bucket: this.account.bucket, Key: key };
    return writeObject(this.client, this.multipart, place, { body, signal });
  }

  upload(target: UploadTarget, audience: Audience): Promise<SignedUpload> {
    return this.signer.upload(this.endpointFor(audience), target);
  }

  part(upload: BegunUpload, partNumber: number, audience: Audience): Promise<SignedUpload> {
    const size = sizeOfPart(upload, partNumber);
    return this.signer.part(this.endpointFor(audience), { ...upload, partNumber, size });
  }

  download(key: string, audience: Audience, terms?: DownloadTerms): Promise<string> {
    const parts = parseFileKey(key);
    return this.signer.download(this.endpointFor(audience), key, {
      ...terms,
      ...(parts && responseHeaders(parts)),
    });
  }

  async sizeOf(key: string): Promise<number | undefined> {
    const place = { Bucket: this.account.bucket, Key: key };
    try {
      return (await headOf(this.client, place))?.ContentLength;
    } catch (error) {
      this.logger.warn({ message: 'the object store did not say whether it has a file', error });
      throw new ObjectStoreUnavailable(error);
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.removeObjects(keys.map((Key) => ({ Key })));
  }

  /** A PUT that breaks off leaves nothing in S3. */
  removeUnfinished(): Promise<void> {
    return Promise.resolve();
  }

  async removeOlder(kind: FileKind, moment: Date, signal: AbortSignal): Promise<void> {
    const { ListObjectsV2Command } = await import('@aws-sdk/client-s3');
    const wanted = { Bucket: this.account.bucket, Prefix: `${kind}/` };
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({ ...wanted, ContinuationToken });
      const page = await this.client.send(command, limited(SWEEP_LIMIT_MS, signal));
      const old = (page.Contents ?? []).flatMap(({ Key = '', LastModified }) =>
        // The bucket may have objects of other programs.
        parseFileKey(Key) && LastModified && LastModified < moment ? [{ Key }] : [],
      );
      if (old.length > 0) await this.removeObjects(old, signal);
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
  }

  private endpointFor(audience: Audience): string {
    return isInside(audience) ? this.endpoints.internal : this.endpoints.public;
  }

  private async removeObjects(objects: { Key: string }[], signal?: AbortSignal): Promise<void> {
    const { DeleteObjectsCommand } = await import('@aws-sdk/client-s3');
    const command = new DeleteObjectsCommand({
      Bucket: this.account.bucket,
      Delete: { Objects: objects, Quiet: true },
    });
    const { Errors: failures = [] } = await this.client.send(command, limited(SWEEP_LIMIT_MS, signal));
    const [first] = failures;
    if (!first) return;
    throw new Error(`${failures.length} of ${objects.length} files were not deleted: ${first.Code}`);
  }
}

/** The response to HEAD has no error code, so that of a list says why the bucket cannot be used. */
async function checkBucket(client: S3Client, bucket: string): Promise<void> {
  const { HeadBucketCommand, ListObjectsV2Command } = await import('@aws-sdk/client-s3');
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }), limited(CALL_LIMIT_MS));
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    await client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }), limited(CALL_LIMIT_MS));
  }
}

/** The type and the name with which a file was announced; the object itself has what its uploader sent. */
const responseHeaders = ({ contentType, fileName }: FileKeyParts) => ({
  ResponseContentType: contentType,
  ResponseContentDisposition: contentDisposition(fileName),
});
