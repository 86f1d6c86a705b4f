import { ServiceUnavailableException } from '@nestjs/common';

import type { Audience } from './audience.js';
import type { BucketAccount } from './link-signer.js';
import type { BegunUpload, MultipartStore } from './multipart-store.js';

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

/** The request that a download link is for: its method, GET unless given, and how long it is valid. */
export interface DownloadTerms {
  readonly method?: 'GET' | 'HEAD';
  readonly seconds?: number;
}

/** The first part of a key: uploads of clients, files that runs have left, or bodies of services for an hour. */
export type FileKind = 'inputs' | 'outputs' | 'answers';

/** Validity of links in seconds. */
export const LINK_SECONDS = 3600;

/** How long the body of an answer is kept: until its link has ended. */
export const ANSWER_SECONDS = LINK_SECONDS + 60;

/** Where files are kept: a folder ({@link FolderStore}) or an S3 endpoint ({@link S3Store}). */
export abstract class ObjectStore {
  /** The folder that keeps the files; null when all nodes of the runtime use the same files. */
  abstract readonly folderId: string | null;

  /** Signs links. */
  abstract readonly account: BucketAccount;

  abstract readonly multipart: MultipartStore;

  /** Stores an object whose size is known only at its end, and returns its size; nothing of it stays when this fails. */
  abstract write(
    key: string,
    body: Iterable<Buffer> | AsyncIterable<Buffer>,
    signal?: AbortSignal,
  ): Promise<number>;

  /** A link that stores an object once. */
  abstract upload(target: UploadTarget, audience: Audience): Promise<SignedUpload>;

  /** A link that stores a part of an upload; until it is complete the part may be sent again. */
  abstract part(upload: BegunUpload, partNumber: number, audience: Audience): Promise<SignedUpload>;

  /** A link that reads an object. */
  abstract download(key: string, audience: Audience, terms?: DownloadTerms): Promise<string>;

  /** Bytes of an object; `undefined` when there is none. */
  abstract sizeOf(key: string): Promise<number | undefined>;

  async has(key: string): Promise<boolean> {
    return (await this.sizeOf(key)) !== undefined;
  }

  /** Removes objects; nothing happens for those that do not exist. */
  abstract remove(keys: readonly string[]): Promise<void>;

  /** Removes what an earlier process left half-written; called once, at start. */
  abstract removeUnfinished(): Promise<void>;

  /** Removes the files of a kind that were stored before a time. */
  abstract removeOlder(kind: FileKind, moment: Date, signal: AbortSignal): Promise<void>;
}

/** The object store cannot be used at the moment; REST answers 503. The same call may succeed later. */
export class ObjectStoreUnavailable extends ServiceUnavailableException {
  constructor(cause: unknown) {
    super('The file store of this runtime cannot be reached. Try again in a few seconds.', { cause });
  }
}
