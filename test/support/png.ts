import { crc32, inflateSync } from 'node:zlib';

/** A decoded picture; a pixel is red, green and blue. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  pixel(column: number, row: number): number[];
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

const SIGNATURE = '89504e470d0a1a0a';

/** Decodes a PNG of unfiltered 8-bit RGB rows and checks all that can be checked: signature, order, sums, sizes. */
export function decodePng(bytes: Buffer): Picture {
  if (bytes.toString('hex', 0, 8) !== SIGNATURE) throw new Error('not a PNG');
  const chunks = [...chunksOf(bytes)];
  const order = chunks.map(({ type }) => type).join(' ');
  if (order !== 'IHDR IDAT IEND') throw new Error(`unexpected chunks: ${order}`);
  const [header, data] = chunks.map((chunk) => chunk.data);
  if (!header || !data || header.toString('hex', 8) !== '0802000000') throw new Error('not 8-bit RGB');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = inflateSync(data);
  const stride = width * 3 + 1;
  if (rows.length !== stride * height)
    throw new Error(`${rows.length} bytes of rows, not ${stride * height}`);
  for (let row = 0; row < height; row++) {
    if (rows[row * stride] !== 0) throw new Error(`row ${row} is filtered`);
  }
  const pixel = (column: number, row: number): number[] => {
    const at = row * stride + 1 + column * 3;
    return [...rows.subarray(at, at + 3)];
  };
  return { width, height, pixel };
}

function* chunksOf(bytes: Buffer): Generator<Chunk> {
  for (let at = SIGNATURE.length / 2; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 4, at + 8 + length);
    if (crc32(body) !== bytes.readUInt32BE(at + 8 + length)) throw new Error('a chunk has a wrong sum');
    yield { type: body.toString('latin1', 0, 4), data: body.subarray(4) };
    at += length + 12;
  }
}
