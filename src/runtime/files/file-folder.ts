import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, type ReadStream } from 'node:fs';
import { link, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { syncFolder } from '../database/index.js';
import { parseFileKey } from './file-key.js';

/** A stored file. */
export interface StoredFile {
  readonly size: number;
  readonly storedAt: Date;
}

/** What became of an upload. */
export type Stored = 'stored' | 'exists' | 'incomplete';

/** What a stream reports when its sender goes away half way. */
const BROKEN_OFF: ReadonlySet<string> = new Set(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Objects of the built-in store: one file each, complete or not there, never overwritten. */
export class FileFolder {
  private readonly drafts: string;

  constructor(private readonly folder: string) {
    this.drafts = join(folder, 'drafts');
  }

  /** Streams a body into the store; it appears under its key only when `size` bytes are safely on disk. */
  async write(key: string, body: Readable, size: number): Promise<Stored> {
    const path = this.pathOf(key);
    await mkdir(this.drafts, { recursive: true, mode: 0o700 });
    const draft = join(this.drafts, randomUUID());
    try {
      const file = createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true });
      await pipeline(body, file);
      if (file.bytesWritten !== size) return 'incomplete';
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await link(draft, path);
      await syncFolder(dirname(path));
      return 'stored';
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return 'exists';
      if (BROKEN_OFF.has(code)) return 'incomplete';
      throw error;
    } finally {
      // The sweep at the next start removes what cannot be removed now.
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }

  /** `undefined` when there is no such file. */
  async find(key: string): Promise<StoredFile | undefined> {
    const found = await stat(this.pathOf(key)).catch(() => undefined);
    return found?.isFile() ? { size: found.size, storedAt: found.mtime } : undefined;
  }

  /** Reads a file, or the part from `start` to `end`, both included. */
  read(key: string, range?: { start: number; end: number }): ReadStream {
    return createReadStream(this.pathOf(key), range);
  }

  /** Removes what was stored before a moment, and the folders that are left empty. */
  async removeOlder(kind: 'inputs' | 'outputs', moment: Date): Promise<void> {
    await removeOlderIn(join(this.folder, kind), moment);
  }

  /** Removes uploads that were cut short by the end of the process. */
  async removeDrafts(): Promise<void> {
    await rm(this.drafts, { recursive: true, force: true });
  }

  private pathOf(key: string): string {
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
  // Fails, as it should, while something is left in it. Just made ones may be waiting for their first file.
  const { mtime } = await stat(folder).catch(() => ({ mtime: new Date() }));
  if (mtime < moment || entries.length > 0) await rmdir(folder).catch(() => undefined);
}
