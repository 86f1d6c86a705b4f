import { Inject, Injectable } from '@nestjs/common';
import type { S3Client } from '@aws-sdk/client-s3';

import { Addresses } from '../../config/index.js';
import { FILES_PATH, OBJECT_STORE, type ObjectStore } from './object-store.js';

/** Whether a link is used by an agent on this machine, or by any client. */
export type Audience = 'loopback' | 'public';

/** An object to PUT; the signature includes its size, and that it must not exist. */
export interface UploadTarget {
  readonly key: string;
  readonly size: number;
}

/** A PUT link with its signed headers. */
export interface SignedUpload {
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** Validity of links in seconds. */
export const LINK_SECONDS = 3600;

/** Signs links with the AWS presigner, so that the built-in store and a real S3 use the same code. */
@Injectable()
export class LinkSigner {
  /** By origin, as the port is known only once the server listens. */
  private readonly clients = new Map<string, Promise<S3Client>>();

  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly addresses: Addresses,
  ) {}

  async upload({ key, size }: UploadTarget, audience: Audience): Promise<SignedUpload> {
    const { PutObjectCommand, getSignedUrl, client } = await this.tools(audience);
    const command = new PutObjectCommand({
      Bucket: this.store.bucket,
      Key: key,
      ContentLength: size,
      IfNoneMatch: '*',
    });
    const url = await getSignedUrl(client, command, { expiresIn: LINK_SECONDS });
    return { url, headers: { 'Content-Length': String(size), 'If-None-Match': '*' } };
  }

  async download(key: string, audience: Audience): Promise<string> {
    const { GetObjectCommand, getSignedUrl, client } = await this.tools(audience);
    const command = new GetObjectCommand({ Bucket: this.store.bucket, Key: key });
    return getSignedUrl(client, command, { expiresIn: LINK_SECONDS });
  }

  /** The SDK is large, so it is loaded on first use. */
  private async tools(audience: Audience) {
    const [{ GetObjectCommand, PutObjectCommand }, { getSignedUrl }, client] = await Promise.all([
      import('@aws-sdk/client-s3'),
      import('@aws-sdk/s3-request-presigner'),
      this.clientFor(this.addresses[audience]),
    ]);
    return { GetObjectCommand, PutObjectCommand, getSignedUrl, client };
  }

  private clientFor(origin: string): Promise<S3Client> {
    const known = this.clients.get(origin) ?? this.newClient(origin);
    this.clients.set(origin, known);
    return known;
  }

  private async newClient(origin: string): Promise<S3Client> {
    const { S3Client } = await import('@aws-sdk/client-s3');
    const { region, accessKeyId, secretAccessKey } = this.store;
    return new S3Client({
      region,
      endpoint: origin + FILES_PATH,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }
}
