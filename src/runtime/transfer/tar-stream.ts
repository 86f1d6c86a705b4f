import { Header, Pax } from 'tar';

const BLOCK = 512;
/** Names of tar for a file and for the attributes of the next one, such as a long path. */
const FILE_TYPES: ReadonlySet<string> = new Set(['File', 'OldFile']);
const ATTRIBUTES = 'ExtendedHeader';

/** A file to write into an archive. */
export interface TarFile {
  readonly path: string;
  readonly size: number;
  readonly mtime?: Date | undefined;
}

/** A file of an archive; its body must be read before the next one. */
export interface TarEntry extends TarFile {
  body(): AsyncGenerator<Buffer>;
}

/** The archive is damaged or cut off. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

/** The bytes of one file in an archive. */
export async function* tarEntry(
  { path, size, mtime = new Date() }: TarFile,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const attributes = { path, size, mode: 0o600, mtime, type: 'File' as const };
  const header = new Header(attributes);
  const block = Buffer.alloc(BLOCK);
  if (header.encode(block, 0)) yield new Pax({ path, size }).encode();
  yield block;
  let written = 0;
  for await (const part of body) {
    written += part.length;
    yield part;
  }
  if (written !== size) throw new TarError(`${path} changed while it was read`);
  yield Buffer.alloc(paddingOf(size));
}

/** What follows the last file. */
export const tarEnd = (): Uint8Array => Buffer.alloc(2 * BLOCK);

/** The files of an archive, in its order. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(source);
  let attributes: Pax | undefined;
  for (;;) {
    const header = new Header(await bytes.take(BLOCK));
    if (header.nullBlock) return;
    if (!header.cksumValid) throw new TarError('it is not an archive, or is damaged');
    const size = header.size ?? 0;
    if (header.type === ATTRIBUTES) {
      attributes = Pax.parse((await bytes.take(size)).toString());
      await bytes.take(paddingOf(size));
      continue;
    }
    if (!FILE_TYPES.has(header.type)) throw new TarError(`it has an entry of type ${header.type}`);
    const path = attributes?.path ?? header.path ?? '';
    attributes = undefined;
    bytes.begin(size);
    yield { path, size, mtime: header.mtime, body: () => bytes.body() };
    await bytes.skipRest();
    await bytes.take(paddingOf(size));
  }
}

const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** Reads exact numbers of bytes from a stream. */
class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private rest: Buffer = Buffer.alloc(0);
  /** Bytes of the current file that were not read. */
  private left = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source[Symbol.asyncIterator]();
  }

  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.pieces(size)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** The next bytes are the body of a file. */
  begin(size: number): void {
    this.left = size;
  }

  async *body(): AsyncGenerator<Buffer> {
    while (this.left > 0) {
      const part = await this.piece(this.left);
      this.left -= part.length;
      yield part;
    }
  }

  async skipRest(): Promise<void> {
    for await (const _part of this.body());
  }

  private async *pieces(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      const part = await this.piece(left);
      left -= part.length;
      yield part;
    }
  }

  private async piece(most: number): Promise<Buffer> {
    while (this.rest.length === 0) {
      const next = await this.source.next();
      if (next.done) throw new TarError('it is cut off');
      this.rest = Buffer.from(next.value);
    }
    const part = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(part.length);
    return part;
  }
}
