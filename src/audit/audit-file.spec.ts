import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { StartError } from '../config/index.js';
import { AuditFile } from './audit-file.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cyberun-audit-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const failOnLoss = (_count: number, reason: string): never => {
  throw new Error(reason);
};
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index));

it('AuditFile appends all lines in their order, for its user alone', async () => {
  const path = join(folder, 'ordered');
  for (const start of [0, 500]) {
    const file = new AuditFile(path, failOnLoss);
    for (const line of numbers(start, start + 500)) file.append(line);
    await file.end();
  }
  expect(readFileSync(path, 'utf8')).toBe(`${numbers(0, 1000).join('\n')}\n`);
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('AuditFile goes on in a new file after a rename, and loses no line', async () => {
  const path = join(folder, 'rotated');
  const file = new AuditFile(path, failOnLoss);
  for (const line of numbers(0, 100)) file.append(line);
  renameSync(path, `${path}.1`);
  file.reopen();
  for (const line of numbers(100, 200)) file.append(line);
  await file.end();
  const [before, after] = [`${path}.1`, path].map((name) => readFileSync(name, 'utf8'));
  expect(`${before}${after}`).toBe(`${numbers(0, 200).join('\n')}\n`);
  expect(after).toContain('199');
});

it('AuditFile keeps its file when the new one cannot be opened', async () => {
  const inner = mkdtempSync(join(folder, 'gone-'));
  const moved = `${inner}-moved`;
  const reasons: string[] = [];
  const file = new AuditFile(
    join(inner, 'audit'),
    (count, reason) => void reasons.push(`${count} ${reason}`),
  );
  renameSync(inner, moved);
  file.reopen();
  file.append('kept');
  await file.end();
  expect(reasons).toEqual([expect.stringMatching(/^0 the new file cannot be opened: /)]);
  expect(readFileSync(join(moved, 'audit'), 'utf8')).toBe('kept\n');
});

it('AuditFile refuses to start with a sentence when its folder is not there', () => {
  const path = join(folder, 'no', 'audit');
  expect(() => new AuditFile(path, failOnLoss)).toThrow(StartError);
  expect(() => new AuditFile(path, failOnLoss)).toThrow(
    /CYBERUN_AUDIT_LOG cannot be written: .*Create its folder/,
  );
});

it.runIf(existsSync('/dev/full'))('AuditFile counts the lines that a full disk does not take', async () => {
  let lost = 0;
  const file = new AuditFile('/dev/full', (count) => (lost += count));
  for (const line of numbers(0, 10)) file.append(line);
  await file.end();
  expect(lost).toBe(10);
});
