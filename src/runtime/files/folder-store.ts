import { join } from 'node:path';

import type { Addresses, Config } from '../../config/index.js';
import type { Database } from '../database/index.js';
import { addressFor, type Audience } from './audience.js';
import { FileFolder } from './file-folder.js';
import { folderIdOf, ownAccount, sharedAccount } from './files-secret.js';
import { FolderMultipart } from './folder-multipart.js';
import { type BucketAccount, LinkSigner } from './link-signer.js';
import { type BegunUpload, sizeOfPart } from './multipart-store.js';
import {
  type DownloadTerms,
  type FileKind,
  ObjectStore,
  type SignedUpload,
  type UploadTarget,
} from './object-store.js';

/** Path of the built-in S3 subset below an origin. */
export const FILES_PATH = '/api/v1/files';

/** The built-in store: files in the data folder, and links to this server. */
export class FolderStore extends ObjectStore {
  readonly folderId: string;
  readonly multipart: FolderMultipart;
  private readonly signer: LinkSigner;

  private constructor(
    readonly account: BucketAccount,
    /** Signed the links of this folder before it shared a database. */
    readonly ownAccount: BucketAccount,
    readonly folder: FileFolder,
    private readonly addresses: Addresses,
  ) {
    super();
    this.signer = new LinkSigner(account, (endpoint) => this.originIn(endpoint));
    this.folderId = folderIdOf(ownAccount);
    this.multipart = new FolderMultipart(folder);
  }

  /** @throws {StartError} when its secret is damaged. */
  static async open(
    { dataDir, databaseUrl }: Config,
    addresses: Addresses,
    database: Database,
  ): Promise<FolderStore> {
    const own = await ownAccount(dataDir);
    const account = databaseUrl === undefined ? own : await sharedAccount(own, database);
    return new FolderStore(account, own, new FileFolder(join(dataDir, 'files')), addresses);
  }

  /** Whether there are no other nodes, since the database is embedded. */
  get isAlone(): boolean {
    return this.account === this.ownAccount;
  }

  async write(
    key: string,
    body: Iterable<Buffer> | AsyncIterable<Buffer>,
    signal?: AbortSignal,
  ): Promise<number> {
    const outcome = await this.folder.write(key, body, { signal });
    const file = outcome === 'stored' ? await this.folder.find(key) : undefined;
    if (!file) throw new Error(`a file was not stored: ${outcome}`);
    return file.size;
  }

  upload(target: UploadTarget, audience: Audience): Promise<SignedUpload> {
    return this.signer.upload(this.endpointFor(audience), target);
  }

  part(upload: BegunUpload, partNumber: number, audience: Audience): Promise<SignedUpload> {
    const size = sizeOfPart(upload, partNumber);
    return this.signer.part(this.endpointFor(audience), { ...upload, partNumber, size });
  }

  download(key: string, audience: Audience, terms?: DownloadTerms): Promise<string> {
    return this.signer.download(this.endpointFor(audience), key, terms);
  }

  async sizeOf(key: string): Promise<number | undefined> {
    return (await this.folder.find(key))?.size;
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.folder.remove(key);
  }

  removeUnfinished(): Promise<void> {
    return this.folder.removeDrafts();
  }

  removeOlder(kind: FileKind, moment: Date): Promise<void> {
    return this.folder.removeOlder(kind, moment);
  }

  /** Links that agents get for another address name it, since the signature cannot be checked without it. */
  private originIn(endpoint: string): string | undefined {
    const address = endpoint.slice(0, -FILES_PATH.length);
    return [this.addresses.public, this.addresses.loopback].includes(address) ? undefined : address;
  }

  /** The port is known only once the server listens. */
  private endpointFor(audience: Audience): string {
    return addressFor(audience, this.addresses) + FILES_PATH;
  }
}
