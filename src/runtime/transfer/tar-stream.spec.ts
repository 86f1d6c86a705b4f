import { execFileSync } from 'node:child_process';
import { text } from 'node:stream/consumers';

import { expect, it } from 'vitest';

import { readTar, tarEnd, tarEntry, TarError, type TarFile } from './tar-stream.js';

const LONG = `files/outputs/${'a'.repeat(120)}/${'é'.repeat(90)}`;

async function archive(files: Record<string, string>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    for await (const part of tarEntry({ path, size: bytes.length }, [bytes])) parts.push(part);
  }
  return Buffer.concat([...parts, tarEnd()]);
}

/** The archive as a network might deliver it. */
async function* inParts(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function contents(bytes: Buffer, size = 700): Promise<[string, string][]> {
  const read: [string, string][] = [];
  for await (const entry of readTar(inParts(bytes, size))) read.push([entry.path, await text(entry.body())]);
  return read;
}

it('an archive is read as it was written, also with long paths and empty files, and by tar', async () => {
  const files = { 'manifest.json': '{}', [LONG]: 'x'.repeat(1500), empty: '', last: 'y'.repeat(512) };
  const bytes = await archive(files);
  expect(await contents(bytes)).toEqual(Object.entries(files));
  expect(await contents(bytes, 1)).toEqual(Object.entries(files));
  const listed = execFileSync('tar', ['--quoting-style=literal', '-tf', '-'], {
    input: bytes,
    encoding: 'utf8',
  });
  expect(listed.trim().split('\n')).toEqual(Object.keys(files));
});

it('a file of an archive whose body is not read is passed over', async () => {
  const paths: string[] = [];
  const bytes = await archive({ one: 'x'.repeat(2000), two: 'y' });
  for await (const { path } of readTar(inParts(bytes, 300))) paths.push(path);
  expect(paths).toEqual(['one', 'two']);
});

it('an archive that is cut off, or none, is refused', async () => {
  const bytes = await archive({ one: 'x'.repeat(2000) });
  await expect(contents(bytes.subarray(0, 1500))).rejects.toThrow(new TarError('it is cut off'));
  await expect(contents(bytes.subarray(0, 2560))).rejects.toThrow('it is cut off');
  await expect(contents(Buffer.alloc(600, 'no'))).rejects.toThrow('it is not an archive, or is damaged');
});

it('a file that changes while it is written fails', async () => {
  const file: TarFile = { path: 'one', size: 3 };
  const parts = tarEntry(file, [Buffer.from('four')]);
  await expect(text(parts)).rejects.toThrow('one changed while it was read');
});
