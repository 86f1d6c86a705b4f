import { expect, it } from 'vitest';

import { StampedLog } from './stamped-log.js';

const time = (second: number): string => `2026-11-29T03:00:0${second}.000000000Z`;
const text = [1, 2, 3].map((second) => `${time(second)} line ${second} of 3\n`).join('');

it.each([1, 7, 40, 1000])('a log is the same in pieces of %i characters, without its times', (size) => {
  const log = new StampedLog('');
  let read = '';
  for (let at = 0; at < text.length; at += size) read += log.read(text.slice(at, at + size));
  expect(read).toBe('line 1 of 3\nline 2 of 3\nline 3 of 3\n');
  expect(log.position).toBe(`${time(3)} 1`);
});

it('what is known of a log is left out when it is read again', () => {
  expect(new StampedLog(time(2)).read(text)).toBe('line 3 of 3\n');
  expect(new StampedLog(time(3)).read(text)).toBe('');
});

it('lines with the same time are all read, and each once when the log is read again', () => {
  const burst = ['a', 'b', 'c', 'd'].map((line) => `${time(1)} ${line}\n`).join('');
  const log = new StampedLog('');
  expect(log.read(burst.slice(0, burst.indexOf('c')))).toBe('a\nb\n');
  const next = new StampedLog(`${time(1)} 2`);
  expect(next.read(`${burst}${time(2)} e\n`)).toBe('c\nd\ne\n');
  expect(next.position).toBe(`${time(2)} 1`);
  const last = new StampedLog(`${time(1)} 2`);
  expect(last.read(burst)).toBe('c\nd\n');
  expect(last.position).toBe(`${time(1)} 4`);
  expect(new StampedLog(last.position).read(burst)).toBe('');
});

it('a line is read whose time is before that of the line in front of it', () => {
  const log = new StampedLog('');
  expect(log.read(`${time(1)} a\n${time(3)} b\n${time(2)} c\n`)).toBe('a\nb\nc\n');
  expect(log.position).toBe(`${time(3)} 1`);
});

it('the beginning of a line comes before its end', () => {
  const log = new StampedLog('');
  expect(log.read(`${time(1)} 40 %`)).toBe('40 %');
  expect(log.read(` done\n${time(2)} next`)).toBe(' done\nnext');
});
