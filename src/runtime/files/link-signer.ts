import type { S3Client } from '@aws-sdk/client-s3';
import { LRUCache } from 'lru-cache';

import type { Config } from '../../config/index.js';
import { type DownloadTerms, LINK_SECONDS, type SignedUpload, type UploadTarget } from './object-store.js';

/** A bucket, and the credentials that sign its links. */
export interface BucketAccount {
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
  readonly addressing: Config['s3Addressing'];
}

/** Headers of the response, in place of those that were stored. */
interface ResponseHeaders {
  readonly ResponseContentType?: string;
  readonly ResponseContentDisposition?: string;
}

const CONNECT_LIMIT_MS = 3000;
/** Agents may reach the runtime by several addresses. */
const ENDPOINTS_KEPT = 50;

/** Parameter of a link: the address that it is signed for, where the store could not know it. */
export const SIGNED_ORIGIN = 'cyberun-origin';

/** Signs links with the AWS presigner, so that the built-in store and a real S3 use the same code. */
export class LinkSigner {
  private readonly clients = new LRUCache<string, Promise<S3Client>>({ max: ENDPOINTS_KEPT });

  constructor(
    private readonly account: BucketAccount,
    /** The address that links to an endpoint name in {@link SIGNED_ORIGIN}, if they do. */
    private readonly originIn: (endpoint: string) => string | undefined = () => undefined,
  ) {}

  async upload(endpoint: string, { key, size }: UploadTarget): Promise<SignedUpload> {
    const { PutObjectCommand, getSignedUrl, client } = await this.tools(endpoint);
    const command = new PutObjectCommand({
      Bucket: this.account.bucket,
      Key: key,
      ContentLength: size,
      IfNoneMatch: '*',
    });
    const url = await getSignedUrl(client, command, { expiresIn: LINK_SECONDS });
    return { url, headers: { 'Content-Length': String(size), 'If-None-Match': '*' } };
  }

  async part(
    endpoint: string,
    { key, uploadId, partNumber, size }: UploadTarget & { uploadId: string; partNumber: number },
  ): Promise<SignedUpload> {
    const { UploadPartCommand, getSignedUrl, client } = await this.tools(endpoint);
    const command = new UploadPartCommand({
      Bucket: this.account.bucket,
      Key: key,
      UploadId: uploadId,
      PartNumber: partNumber,
      ContentLength: size,
    });
    const url = await getSignedUrl(client, command, { expiresIn: LINK_SECONDS });
    return { url, headers: { 'Content-Length': String(size) } };
  }

  async download(
    endpoint: string,
    key: string,
    { method = 'GET', seconds = LINK_SECONDS, ...response }: DownloadTerms & ResponseHeaders = {},
  ): Promise<string> {
    const { GetObjectCommand, HeadObjectCommand, getSignedUrl, client } = await this.tools(endpoint);
    const object = { Bucket: this.account.bucket, Key: key, ...response };
    const options = { expiresIn: seconds };
    return method === 'HEAD'
      ? getSignedUrl(client, new HeadObjectCommand(object), options)
      : getSignedUrl(client, new GetObjectCommand(object), options);
  }

  /** The SDK is large, so it is loaded on first use. */
  private async tools(endpoint: string) {
    const [
      { GetObjectCommand, HeadObjectCommand, PutObjectCommand, UploadPartCommand },
      { getSignedUrl },
      client,
    ] = await Promise.all([
      import('@aws-sdk/client-s3'),
      import('@aws-sdk/s3-request-presigner'),
      this.clientFor(endpoint),
    ]);
    return { GetObjectCommand, HeadObjectCommand, PutObjectCommand, UploadPartCommand, getSignedUrl, client };
  }

  private clientFor(endpoint: string): Promise<S3Client> {
    const known = this.clients.get(endpoint) ?? this.newClient(endpoint);
    this.clients.set(endpoint, known);
    return known;
  }

  private async newClient(endpoint: string): Promise<S3Client> {
    const client = await newClient(this.account, endpoint);
    const origin = this.originIn(endpoint);
    if (origin === undefined) return client;
    // Before it is signed.
    client.middlewareStack.add(
      (next) => (call) => {
        const { query } = call.request as { readonly query: Record<string, string> };
        query[SIGNED_ORIGIN] = origin;
        return next(call);
      },
      { step: 'build' },
    );
    return client;
  }
}

export async function newClient(account: BucketAccount, endpoint: string): Promise<S3Client> {
  const { S3Client } = await import('@aws-sdk/client-s3');
  const { region, accessKeyId, secretAccessKey, sessionToken, addressing } = account;
  return new S3Client({
    region,
    endpoint,
    forcePathStyle: addressing === 'path',
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // How long a response may take is set per call.
    requestHandler: { connectionTimeout: CONNECT_LIMIT_MS },
  });
}
