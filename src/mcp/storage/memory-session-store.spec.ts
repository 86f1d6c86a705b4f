import { afterEach, expect, it, vi } from 'vitest';

import { AuditLog } from '../../audit/index.js';
import { readConfig } from '../../config/index.js';
import { LimitCounter } from '../calls/index.js';
import { MemorySessionStore } from './memory-session-store.js';
import type { NewSession, SessionHolder, SessionRecord } from './session-store.js';

const CAP = 10_000;

/** Of a key; or of a user, with a client. */
const holderOf = (owner: string, client = ''): SessionHolder => ({ keyHash: `${owner}${client}`, owner });

const opened = (owner: string, client?: string): NewSession => ({
  ...holderOf(owner, client),
  protocolVersion: '2025-11-25',
  initializeParams: JSON.stringify({
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  }),
  supportsServerRequests: false,
});

afterEach(() => {
  vi.useRealTimers();
});

function stored(environment: Record<string, string>): {
  sessions: MemorySessionStore;
  limitCounter: LimitCounter;
} {
  const limitCounter = new LimitCounter(new AuditLog({ audit: 'off' }));
  vi.spyOn(limitCounter, 'count');
  const config = readConfig('mcp', { CYBERUN_RUNTIME_URL: 'http://127.0.0.1:9/api/v1', ...environment });
  return { sessions: new MemorySessionStore(config, limitCounter), limitCounter };
}

it('a full store ends the session that idled longest, of any key', async () => {
  const { sessions, limitCounter } = stored({ CYBERUN_MCP_SESSIONS_PER_KEY: String(2 * CAP) });
  const first = await sessions.open(opened('one'));
  for (let n = 1; n < CAP; n += 1) await sessions.open(opened(`key ${n % 7}`));
  expect(sessions.count).toBe(CAP);
  expect(limitCounter.count).not.toHaveBeenCalled();

  await sessions.open(opened('two'));

  expect(sessions.count).toBe(CAP);
  expect(limitCounter.count).toHaveBeenCalledExactlyOnceWith('sessions');
  expect(sessions.find(first?.id ?? '', holderOf('one'))).toBeUndefined();
  sessions.onApplicationShutdown();
});

it('a key has no more sessions than its limit, without the expired ones', async () => {
  vi.useFakeTimers();
  const { sessions } = stored({
    CYBERUN_MCP_SESSIONS_PER_KEY: '2',
    CYBERUN_MCP_SESSION_IDLE_SECONDS: '60',
  });
  const first = await sessions.open(opened('one'));
  await sessions.open(opened('one'));
  expect(await sessions.open(opened('one'))).toBeUndefined();
  expect(await sessions.open(opened('two'))).toBeDefined();

  vi.setSystemTime(Date.now() + 59_000);
  sessions.find(first?.id ?? '', holderOf('one'));
  vi.setSystemTime(Date.now() + 2000);
  expect(await sessions.open(opened('one'))).toBeDefined();
  expect(await sessions.open(opened('one'))).toBeUndefined();
  sessions.onApplicationShutdown();
});

it('a user has no more sessions than the limit with all clients, a session belongs to one of them, and users do not share', async () => {
  const environment = { CYBERUN_MCP_SESSIONS_PER_KEY: '2' };
  const { sessions } = stored(environment);
  const first = await sessions.open(opened('ann', ' by client 1'));
  await sessions.open(opened('ann', ' by client 2'));
  expect(await sessions.open(opened('ann', ' by client 3'))).toBeUndefined();
  expect(await sessions.open(opened('ben', ' by client 1'))).toBeDefined();
  const id = first?.id ?? '';
  expect(sessions.find(id, holderOf('ann', ' by client 2'))).toBeUndefined();

  // The ids of earlier processes count, too.
  const { sessions: later } = stored(environment);
  expect(later.find(id, holderOf('ann', ' by client 1'))).toMatchObject({ owner: 'ann' });
  await later.open(opened('ann', ' by client 2'));
  expect(await later.open(opened('ann', ' by client 3'))).toBeUndefined();

  await sessions.end(first as SessionRecord);
  expect(await sessions.open(opened('ann', ' by client 3'))).toBeDefined();
  for (const each of [sessions, later]) each.onApplicationShutdown();
});
