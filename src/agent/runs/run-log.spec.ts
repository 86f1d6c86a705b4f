import { expect, it } from 'vitest';

import type { LogChunk } from '../../contract/index.js';
import { RunLog } from './run-log.js';

/** A log whose chunks are collected as they are sent. */
function attached(limit = 1_000_000) {
  const log = new RunLog();
  const sent: LogChunk[] = [];
  const attach = (): void => log.attach((chunks) => void sent.push(...chunks), limit);
  attach();
  return { log, sent, attach };
}

/** The lines of chunks with their numbers; the note on dropped lines counts as one. */
const linesOf = (chunks: readonly LogChunk[]): [number, string][] =>
  chunks.flatMap(({ line, text }) =>
    text.split('\n').map((one, index): [number, string] => [line + index, one]),
  );

it('lines of one step and stream are one chunk, numbered through the run', () => {
  const { log, sent } = attached();
  log.add('a', 'stdout', 'one');
  log.add('a', 'stdout', 'two');
  log.add('a', 'stderr', 'three');
  log.add('b', 'stderr', 'four');
  log.flush();
  expect(sent).toMatchObject([
    { line: 1, step: 'a', stream: 'stdout', text: 'one\ntwo' },
    { line: 3, step: 'a', stream: 'stderr', text: 'three' },
    { line: 4, step: 'b', stream: 'stderr', text: 'four' },
  ]);
});

it('a log sends again what is not stored when it is attached anew, without a line twice or missing', () => {
  const { log, sent, attach } = attached();
  log.add('a', 'stdout', 'one');
  log.flush();
  log.add('a', 'stdout', 'two');
  log.flush();
  log.detach();
  log.add('a', 'stdout', 'three');
  log.flush();
  expect(linesOf(sent).map(([, text]) => text)).toEqual(['one', 'two']);
  log.stored(1);
  sent.length = 0;
  attach();
  expect(linesOf(sent)).toEqual([
    [2, 'two'],
    [3, 'three'],
  ]);
});

it('a log sends no more than the runtime can take, goes on as it is stored, and sends the rest at its end', () => {
  const { log, sent } = attached();
  for (let line = 0; line < 400; line += 1) log.add('a', 'stdout', 'x'.repeat(1000));
  log.attach((chunks) => void sent.push(...chunks), 1_000_000);
  const first = linesOf(sent).length;
  expect(first).toBeGreaterThan(100);
  expect(first).toBeLessThan(200);
  log.stored(first);
  expect(linesOf(sent).length).toBeGreaterThan(first);
  log.flush();
  expect(linesOf(sent).map(([line]) => line)).toEqual(Array.from({ length: 400 }, (_, index) => index + 1));
});

it('a run that writes more than can be sent keeps its last lines, and a note says how many are dropped', () => {
  const { log, sent, attach } = attached(200_000);
  log.detach();
  for (let line = 1; line <= 100_000; line += 1) log.add('a', line % 2 ? 'stdout' : 'stderr', `line ${line}`);
  attach();
  log.flush();
  const [note, ...lines] = linesOf(sent);
  const first = (note?.[0] ?? 0) + 1;
  expect(sent[0]).toMatchObject({
    stream: 'system',
    text: expect.stringContaining(`[${first - 1} lines were dropped`),
  });
  expect(lines.map(([line]) => line)).toEqual(
    Array.from({ length: 100_001 - first }, (_, index) => first + index),
  );
  expect(lines.at(-1)).toEqual([100_000, 'line 100000']);
  expect(lines.every(([line, text]) => text === `line ${line}`)).toBe(true);
  expect(sent.reduce((size, { text }) => size + text.length, 0)).toBeLessThan(200_000);
});

it('lines that are dropped behind what was sent are counted from there', () => {
  const { log, sent } = attached(200_000);
  log.add('a', 'stdout', 'first');
  log.flush();
  for (let line = 2; line <= 10_000; line += 1) log.add('a', 'stdout', 'x'.repeat(100));
  log.flush();
  const numbers = linesOf(sent).map(([line]) => line);
  const note = sent.find(({ stream }) => stream === 'system');
  const dropped = Number(/^\[(\d+) lines were dropped here/.exec(note?.text ?? '')?.[1]);
  expect(numbers.slice(0, 2)).toEqual([1, dropped + 1]);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers.at(-1)).toBe(10_000);
});
