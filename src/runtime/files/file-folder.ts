import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, type ReadStream } from 'node:fs';
import { link, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { syncFolder } from '../database/index.js';
import { parseFileKey } from './file-key.js';
import type { FileKind } from './object-store.js';

/** A stored file. */
export interface StoredFile {
  readonly size: number;
  readonly storedAt: Date;
}

/** The result of an upload. */
export type Stored = 'stored' | 'exists' | 'incomplete';

/** Error codes of a stream whose sender has disconnected. */
const DISCONNECTED: ReadonlySet<string> = new Set(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']);

/** The files of the built-in store; each appears complete, and is never overwritten. */
export class FileFolder {
  /** Where uploads in parts are until they are complete. */
  readonly multipart: string;
  private readonly drafts: string;

  constructor(private readonly folder: string) {
    this.drafts = join(folder, 'drafts');
    this.multipart = join(folder, 'multipart');
  }

  /** Stores a stream; it appears under its key only when all of it is synced to disk, and has `size` bytes where that is given. */
  async write(
    key: string,
    body: Readable | Iterable<Buffer> | AsyncIterable<Buffer>,
    { size, signal }: { readonly size?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Stored> {
    const path = this.pathOf(key);
    await mkdir(this.drafts, { recursive: true, mode: 0o700 });
    const draft = join(this.drafts, randomUUID());
    try {
      const file = createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true });
      await pipeline(body, file, { signal });
      if (size !== undefined && file.bytesWritten !== size) return 'incomplete';
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await link(draft, path);
      await syncFolder(dirname(path));
      return 'stored';
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return 'exists';
      if (DISCONNECTED.has(code)) return 'incomplete';
      throw error;
    } finally {
      // The next start removes what cannot be removed now.
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }

  /** `undefined` when the file does not exist. */
  async find(key: string): Promise<StoredFile | undefined> {
    const found = await stat(this.pathOf(key)).catch(() => undefined);
    return found?.isFile() ? { size: found.size, storedAt: found.mtime } : undefined;
  }

  /** Reads a file, or the bytes from `start` to `end` inclusive. */
  read(key: string, range?: { start: number; end: number }): ReadStream {
    return createReadStream(this.pathOf(key), range);
  }

  /** Removes a file, and the folders of its own: one is named by its id, and one in it by its type. */
  async remove(key: string): Promise<void> {
    const path = this.pathOf(key);
    await rm(path, { force: true });
    const ofType = dirname(path);
    for (const folder of [ofType, dirname(ofType)]) await rmdir(folder).catch(() => undefined);
  }

  /** Removes files that were stored before a time, and empty folders. */
  async removeOlder(kind: FileKind, moment: Date): Promise<void> {
    await removeOlderIn(join(this.folder, kind), moment);
  }

  /** Removes incomplete uploads of an earlier process. */
  async removeDrafts(): Promise<void> {
    await rm(this.drafts, { recursive: true, force: true });
  }

  /** @throws when the key is not one of this store. */
  pathOf(key: string): string {
    if (!parseFileKey(key)) throw new Error('not a key of this store');
    return join(this.folder, key);
  }
}

async function removeOlderIn(folder: string, moment: Date): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await removeOlderIn(path, moment);
    else if ((await stat(path)).mtime < moment) await rm(path, { force: true });
  }
  // Fails while the folder is not empty. A new folder may be waiting for its first file.
  const { mtime } = await stat(folder).catch(() => ({ mtime: new Date() }));
  if (mtime < moment || entries.length > 0) await rmdir(folder).catch(() => undefined);
}
