import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { AuditLog } from '../../audit/index.js';
import type { Credential } from './credential.js';
import { RefusedKeys } from './refused-keys.js';

const ROUTE = 'GET /api/v1/r/tasks';
const rawKey = `sk-${'a'.repeat(43)}`;
const credential = (id: string): Credential => ({
  id,
  kind: 'integration',
  teamId: 't',
  team: 'lab',
  permissions: new Set(),
});

let refused: RefusedKeys;
const lines: unknown[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  lines.length = 0;
  refused = new RefusedKeys(new AuditLog({ audit: 'off' }));
  vi.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void lines.push(line));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('each key and reason has one line a minute, and the next line counts what was left out', () => {
  const use = (id: string, reason: string): void =>
    refused.note({ rawKey, credential: credential(id), reason, route: ROUTE });
  for (let times = 0; times < 50; times += 1) use('a', 'revoked');
  use('a', 'expired');
  use('b', 'revoked');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toEqual({
    message: 'the use of a key was refused',
    key_prefix: 'sk-aaaaaaaaa…',
    team: 'lab',
    route: ROUTE,
    reason: 'revoked',
    skipped: undefined,
  });
  vi.advanceTimersByTime(60_000);
  use('a', 'revoked');
  expect(lines[3]).toMatchObject({ reason: 'revoked', skipped: 49 });
});

it('unknown keys have ten lines a minute, all together', () => {
  const use = (key: string): void =>
    refused.note({ rawKey: key, credential: undefined, reason: 'unknown', route: ROUTE });
  for (let times = 0; times < 500; times += 1) use(`sk-${String(times).padStart(43, 'x')}`);
  expect(lines).toHaveLength(10);
  vi.advanceTimersByTime(60_000);
  use('my password');
  expect(lines[10]).toMatchObject({ key_prefix: 'not a key', skipped: 490 });
});
