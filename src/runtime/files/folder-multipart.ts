import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { syncFolder, writeAtomically } from '../database/index.js';
import type { FileFolder } from './file-folder.js';
import { parseFileKey } from './file-key.js';
import type { BegunUpload, Completed, StoredPart } from './multipart-store.js';
import type { FileKind, UploadTarget } from './object-store.js';

const UPLOAD_ID = /^[0-9a-f-]{36}$/;
const PART = /^part-(\d+)$/;

/** What an upload was begun with; written to its folder. */
interface UploadNote {
  readonly key: string;
  readonly partSize: number;
}

/** Why a part is not stored. `aborted`: a newer request for the same part, or the end of the upload, took its place. */
export type PartRefused = 'gone' | 'incomplete' | 'aborted';

/** A part that is arriving. */
interface Arrival {
  readonly controller: AbortController;
  readonly ended: Promise<unknown>;
}

/**
 * Uploads in parts to a folder. Every part is written to its place in one file, which then gets the name of the object:
 * no byte is copied. A note beside it says that a part has arrived whole; after a restart an upload goes on.
 */
export class FolderMultipart {
  /** By upload, then by number of the part. */
  private readonly arriving = new Map<string, Map<number, Arrival>>();
  /** Uploads that take no part any more. */
  private readonly completing = new Set<string>();

  constructor(private readonly files: FileFolder) {}

  async begin({ key }: UploadTarget, partSize: number): Promise<string> {
    const uploadId = randomUUID();
    const place = this.placeOf(uploadId);
    await mkdir(place, { recursive: true, mode: 0o700 });
    await (await open(join(place, 'data'), 'wx', 0o600)).close();
    await writeAtomically(join(place, 'upload.json'), JSON.stringify({ key, partSize } satisfies UploadNote));
    return uploadId;
  }

  /** Stores a part; of two requests for the same part at the same time, the later one counts. Returns its ETag. */
  async write(
    upload: { readonly key: string; readonly uploadId: string; readonly partNumber: number },
    body: Readable,
    size: number,
  ): Promise<{ readonly etag: string } | PartRefused> {
    const { uploadId, partNumber } = upload;
    const arrivals = this.arriving.get(uploadId) ?? new Map<number, Arrival>();
    this.arriving.set(uploadId, arrivals);
    const earlier = arrivals.get(partNumber);
    const controller = new AbortController();
    const { signal } = controller;
    earlier?.controller.abort();
    const writing = (async () => {
      await earlier?.ended;
      const note = await this.noteOf(upload);
      if (!note || this.completing.has(uploadId)) return 'gone';
      return this.receive(upload, note.partSize, { body, size, signal });
    })();
    const arrival: Arrival = { controller, ended: writing.catch(() => undefined) };
    arrivals.set(partNumber, arrival);
    try {
      return await writing;
    } finally {
      if (arrivals.get(partNumber) === arrival) arrivals.delete(partNumber);
      if (arrivals.size === 0) this.arriving.delete(uploadId);
    }
  }

  async parts(upload: Pick<BegunUpload, 'key' | 'uploadId'>): Promise<StoredPart[] | undefined> {
    if (!(await this.noteOf(upload))) return undefined;
    const place = this.placeOf(upload.uploadId);
    const numbers = (await readdir(place)).flatMap((name) => PART.exec(name)?.[1] ?? []).map(Number);
    const parts = numbers
      .toSorted((one, other) => one - other)
      .map(async (partNumber) => {
        const text = await readFile(join(place, `part-${partNumber}`), 'utf8');
        return { partNumber, ...(JSON.parse(text) as { size: number; etag: string }) };
      });
    return Promise.all(parts);
  }

  async complete(upload: BegunUpload, parts: readonly StoredPart[]): Promise<Completed> {
    const { key, uploadId } = upload;
    if (this.completing.has(uploadId)) return 'gone';
    this.completing.add(uploadId);
    try {
      // A late byte would change the finished file.
      await this.endArrivals(uploadId);
      const now = await this.parts(upload);
      if (JSON.stringify(now) !== JSON.stringify(parts)) return 'gone';
      const path = this.files.pathOf(key);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await link(join(this.placeOf(uploadId), 'data'), path);
      await syncFolder(dirname(path));
      await this.remove(uploadId);
      return 'stored';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!(await this.isMadeOf(upload))) return 'exists';
      await this.remove(uploadId);
      return 'stored';
    } finally {
      this.completing.delete(uploadId);
    }
  }

  /** Whether the file is these parts already: an earlier server may have ended before it removed the upload. */
  private async isMadeOf({ key, uploadId }: BegunUpload): Promise<boolean> {
    const [file, data] = await Promise.all(
      [this.files.pathOf(key), join(this.placeOf(uploadId), 'data')].map((path) => stat(path)),
    );
    return file !== undefined && file.ino === data?.ino;
  }

  async abort(upload: Pick<BegunUpload, 'key' | 'uploadId'>): Promise<void> {
    if (!(await this.noteOf(upload))) return;
    await this.endArrivals(upload.uploadId);
    await this.remove(upload.uploadId);
  }

  async removeOlder(kind: FileKind, moment: Date, signal: AbortSignal): Promise<void> {
    for (const uploadId of await readdir(this.files.multipart).catch(() => [])) {
      signal.throwIfAborted();
      const begun = await stat(join(this.placeOf(uploadId), 'upload.json')).catch(() => undefined);
      const { key = `${kind}/` } = (await this.readNote(uploadId)) ?? {};
      const { birthtime } = begun ?? (await stat(this.placeOf(uploadId)));
      if (birthtime < moment && key.startsWith(`${kind}/`)) await this.remove(uploadId);
    }
  }

  private async receive(
    { uploadId, partNumber }: { readonly uploadId: string; readonly partNumber: number },
    partSize: number,
    { body, size, signal }: { body: Readable; size: number; signal: AbortSignal },
  ): Promise<{ readonly etag: string } | PartRefused> {
    const note = join(this.placeOf(uploadId), `part-${partNumber}`);
    await rm(note, { force: true });
    const hash = createHash('sha256');
    const hashing = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    const path = join(this.placeOf(uploadId), 'data');
    const data = createWriteStream(path, { flags: 'r+', start: (partNumber - 1) * partSize, flush: true });
    try {
      await pipeline(body, hashing, data, { signal });
    } catch (error) {
      if (signal.aborted) return 'aborted';
      if (body.errored || !body.readableEnded) return 'incomplete';
      throw error;
    }
    if (data.bytesWritten !== size) return 'incomplete';
    const etag = hash.digest('hex');
    await writeAtomically(note, JSON.stringify({ size, etag }));
    return { etag };
  }

  private async endArrivals(uploadId: string): Promise<void> {
    const arrivals = [...(this.arriving.get(uploadId)?.values() ?? [])];
    for (const { controller } of arrivals) controller.abort();
    await Promise.all(arrivals.map(({ ended }) => ended));
  }

  /** `undefined` when there is no such upload of this key. */
  private async noteOf({
    key,
    uploadId,
  }: Pick<BegunUpload, 'key' | 'uploadId'>): Promise<UploadNote | undefined> {
    const note = UPLOAD_ID.test(uploadId) ? await this.readNote(uploadId) : undefined;
    return note?.key === key && parseFileKey(key) ? note : undefined;
  }

  private async readNote(uploadId: string): Promise<UploadNote | undefined> {
    const text = await readFile(join(this.placeOf(uploadId), 'upload.json'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as UploadNote);
  }

  private remove(uploadId: string): Promise<void> {
    return rm(this.placeOf(uploadId), { recursive: true, force: true });
  }

  private placeOf(uploadId: string): string {
    return join(this.files.multipart, uploadId);
  }
}
