import { PassThrough } from 'node:stream';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { LogTail, onLines } from './process-output.js';
import { SecretMask } from './secret-mask.js';

async function received(
  chunks: readonly (string | Buffer)[],
  mask?: SecretMask,
): Promise<{ lines: string[]; overwritten: string[] }> {
  const stream = new PassThrough();
  const lines: string[] = [];
  const overwritten: string[] = [];
  onLines(stream, { line: (line) => lines.push(line), overwritten: (text) => overwritten.push(text) }, mask);
  for (const chunk of chunks) stream.write(chunk);
  const ended = new Promise((resolve) => stream.once('close', resolve));
  stream.end();
  await ended;
  return { lines, overwritten };
}

it('the lines of a process are what a terminal shows: a progress bar is its last state', async () => {
  const { lines, overwritten } = await received(['\r 1%', '\r 2%\r', ' 3%\r\nTrace', 'back\r\r\n\nend']);
  expect(lines).toEqual([' 3%', 'Traceback', '', 'end']);
  expect(overwritten).toEqual(['', ' 1%', ' 2%']);
});

it('the lines of a process do not depend on how the output is split into chunks', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n', 'é') });
  await fc.assert(
    fc.asyncProperty(fc.array(text), async (chunks) => {
      expect(await received(chunks)).toEqual(await received([chunks.join('')]));
    }),
    { numRuns: 200 },
  );
});

it('a long line keeps its beginning and its end', async () => {
  const { lines } = await received([
    'begin',
    ...Array.from({ length: 200 }, () => 'x'.repeat(1000)),
    'end\n',
  ]);
  expect(lines).toEqual([expect.stringMatching(/^beginx+ … x+end$/)]);
  expect(lines[0]).toHaveLength(4096);
});

it('an error contains the last lines of the log at any length', () => {
  const log = new LogTail();
  for (let line = 0; line < 40; line += 1) log.add('x'.repeat(4000));
  log.add('the real error');
  expect(log.last.join('\n')).toMatch(/^x{4000}\nx{4000}\nthe real error$/);
});

it('a line has no escape codes and no control characters, and bytes that are not UTF-8 are replaced', async () => {
  const coloured = Buffer.from('\u001B[1;31mred\u001B[0m\u0007 \u001B]0;title\u0007caf\u00e9\tend\n');
  expect(await received([coloured, Buffer.from([0x61, 0xff, 0x62, 0x0a, 0xc3])])).toMatchObject({
    lines: ['red  caf\u00e9\tend', 'a\uFFFDb', '\uFFFD'],
  });
});

it('a character of several bytes is kept at any split of the output', async () => {
  const bytes = Buffer.from('a\u{1F600}\u00e9\n');
  for (let at = 0; at <= bytes.length; at += 1)
    expect((await received([bytes.subarray(0, at), bytes.subarray(at)])).lines).toEqual(['a\u{1F600}\u00e9']);
});

it.each([
  ['a step', ['\rstep 9/60 |##        | ', '\rstep 60/60 |##########| ', 'Traceback: the real error\n']],
  [
    'tqdm',
    [
      '\r 98%|\u2588\u2588\u2588\u258a| 59/60 [00:01<00:00, 9.21it/s]',
      '\r100%|\u2588\u2588\u2588\u2588| 60/60 [00:01<00:00, 55.30it/s]Traceback: the real error\n',
    ],
  ],
])('an error behind the progress bar of %s is a line of its own', async (_what, chunks) => {
  const { lines } = await received(chunks);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toBe('Traceback: the real error');
});

it.each([
  ['git', ['\rReceiving objects:  99% (99/100)', '\rReceiving objects: 100% (100/100), done.\n']],
  ['other words', ['\rreading 1 file', '\rreading 10 files of the folder and more\n']],
  ['no numbers', ['\rloading', '\rloading has ended with all of its files\n']],
])('a line that replaces another one is not divided without need: %s', async (_what, chunks) => {
  expect((await received(chunks)).lines).toEqual([chunks[1]?.trim()]);
});

it('secrets are masked in every line, however the output is split and however long the line is', async () => {
  const secret = `s3cr3t-${'k'.repeat(300)}-end`;
  const mask = SecretMask.of([secret]);
  const text = fc.array(fc.constantFrom(secret, 'a', ' ', '\n', '\r', 'x'.repeat(3000)), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(2000), { maxLength: 10 }), async (parts, cuts) => {
      const whole = parts.join('');
      const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].toSorted(
        (a, b) => a - b,
      );
      const { lines } = await received(
        places.slice(1).map((end, index) => whole.slice(places[index], end)),
        mask,
      );
      expect(lines.join('\n')).not.toMatch(/s3cr3t|kkkk|-end/);
    }),
    { numRuns: 200 },
  );
});

it('the beginning of a secret at the cut of a long line stays hidden', async () => {
  const secret = 'q'.repeat(5000);
  const pieces = Array.from({ length: 50 }, () => 'q'.repeat(100));
  const { lines } = await received(
    ['y'.repeat(12_000), ...pieces, 'y'.repeat(12_000), '\n'],
    SecretMask.of([secret]),
  );
  expect(lines[0]).toMatch(/^y+ \u2026 y+$/);
});
