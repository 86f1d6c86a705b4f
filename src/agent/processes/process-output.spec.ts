import { PassThrough } from 'node:stream';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { LogTail, onLines } from './process-output.js';

async function received(chunks: readonly string[]): Promise<{ lines: string[]; overwritten: string[] }> {
  const stream = new PassThrough();
  const lines: string[] = [];
  const overwritten: string[] = [];
  onLines(stream, { line: (line) => lines.push(line), overwritten: (text) => overwritten.push(text) });
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

it('the log keeps at least its last 64 KiB and says that there was more', () => {
  const log = new LogTail();
  for (let line = 0; line < 20_000; line += 1) log.add(`line ${line}`);
  const text = log.text();
  expect(text).toMatch(/^\[earlier lines are not kept\]\nline \d+\n(line \d+\n)+line 19999\n$/);
  expect(text.length).toBeGreaterThanOrEqual(64 * 1024);
  expect(text.length).toBeLessThan(66 * 1024);
});

it('an error contains the last lines of the log at any length', () => {
  const log = new LogTail();
  for (let line = 0; line < 40; line += 1) log.add('x'.repeat(4000));
  log.add('the real error');
  const error = log.after('It failed.');
  expect(error).toMatch(/^It failed\.\nx{4000}\nx{4000}\nthe real error$/);
});
