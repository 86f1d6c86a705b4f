import type { FileKind, UploadTarget } from './object-store.js';

/** An upload in parts that has begun. */
export interface BegunUpload extends UploadTarget {
  /** Bytes of every part but the last. */
  readonly partSize: number;
  readonly uploadId: string;
}

export interface StoredPart {
  readonly partNumber: number;
  readonly size: number;
  /** Without quotation marks. */
  readonly etag: string;
}

/** How the end of an upload in parts went; `gone`: it is complete, aborted or expired. */
export type Completed = 'stored' | 'exists' | 'gone';

/** Uploads in parts to a store. The parts of one upload become one object, which is never overwritten. */
export interface MultipartStore {
  begin(target: UploadTarget, partSize: number): Promise<string>;

  /** All parts that are stored, in order; `undefined` when the upload is gone. */
  parts(upload: BegunUpload): Promise<readonly StoredPart[] | undefined>;

  /** Makes an object of these parts, which are all there. */
  complete(upload: BegunUpload, parts: readonly StoredPart[]): Promise<Completed>;

  /** Removes the parts; nothing happens when the upload is gone. */
  abort(upload: BegunUpload): Promise<void>;

  /** Removes uploads of a kind that began before a time. */
  removeOlder(kind: FileKind, moment: Date, signal: AbortSignal): Promise<void>;
}

/** Number of parts; the last one may be smaller. */
export const partCountOf = ({ size, partSize }: Pick<BegunUpload, 'size' | 'partSize'>): number =>
  Math.ceil(size / partSize);

/** Bytes of one part. */
export const sizeOfPart = (
  { size, partSize }: Pick<BegunUpload, 'size' | 'partSize'>,
  partNumber: number,
): number => Math.min(partSize, size - (partNumber - 1) * partSize);
