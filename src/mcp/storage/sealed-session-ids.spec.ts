import * as fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';

import { SealedSessionIds } from './sealed-session-ids.js';
import type { NewSession } from './session-store.js';

const DAY_MS = 86_400_000;

const HOLDER = { keyHash: 'a key', owner: 'a user' };
const OTHER_HOLDER = { keyHash: 'another key', owner: 'a user' };

const opened = (params: object = {}): NewSession => ({
  ...HOLDER,
  protocolVersion: '2025-11-25',
  initializeParams: JSON.stringify({
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {} },
    clientInfo: { name: 'test', version: '1' },
    ...params,
  }),
  supportsServerRequests: true,
});

afterEach(() => {
  vi.useRealTimers();
});

it('a sealed session id opens in another process with the same key, and with no other key', () => {
  const session = opened();
  const id = new SealedSessionIds().seal(session);
  expect(new SealedSessionIds().open(id, HOLDER)).toEqual(session);
  expect(new SealedSessionIds().open(id, OTHER_HOLDER)).toBeUndefined();
});

it('a sealed session id does not open in the process that made it', () => {
  const ids = new SealedSessionIds();
  expect(ids.open(ids.seal(opened()), HOLDER)).toBeUndefined();
});

it('a sealed session id differs for each session and contains no key', () => {
  const ids = new SealedSessionIds();
  const made = Array.from({ length: 50 }, () => ids.seal(opened()));
  expect(new Set(made).size).toBe(50);
  expect(Buffer.from(made[0]?.split('.')[1] ?? '', 'base64url').toString()).not.toContain('a key');
});

it('a sealed session id is valid for thirty days', () => {
  vi.useFakeTimers();
  const id = new SealedSessionIds().seal(opened());
  vi.setSystemTime(Date.now() + 30 * DAY_MS);
  expect(new SealedSessionIds().open(id, HOLDER)).toBeDefined();
  vi.setSystemTime(Date.now() + 2000);
  expect(new SealedSessionIds().open(id, HOLDER)).toBeUndefined();
});

it('a sealed session id omits descriptive members of large params, and is random for larger ones', () => {
  const ids = new SealedSessionIds();
  const clientInfo = { name: 'test', version: '1', description: 'x'.repeat(10_000) };
  const found = new SealedSessionIds().open(ids.seal(opened({ clientInfo })), HOLDER);
  expect(found).toEqual(opened());
  const id = ids.seal(opened({ capabilities: { experimental: { x: { text: 'x'.repeat(10_000) } } } }));
  expect(id).toHaveLength(22);
  expect(new SealedSessionIds().open(id, HOLDER)).toBeUndefined();
});

it('a sealed session id fits into a header and opens again, for any initialize params', () => {
  const ids = new SealedSessionIds();
  const others = new SealedSessionIds();
  const clientInfo = fc.record({ name: fc.string({ unit: 'binary' }), version: fc.string() });
  const property = fc.property(
    clientInfo,
    fc.dictionary(fc.string(), fc.dictionary(fc.string(), fc.jsonValue())),
    (info, experimental) => {
      const id = ids.seal(opened({ clientInfo: info, capabilities: { experimental } }));
      expect(id).toMatch(/^[\w.-]{22,2200}$/);
      const found = others.open(id, HOLDER);
      if (id.length > 22) expect(found).toMatchObject({ ...HOLDER, protocolVersion: '2025-11-25' });
    },
  );
  fc.assert(property, { numRuns: 300 });
});

it('a sealed session id is no other text', () => {
  const others = new SealedSessionIds();
  const id = new SealedSessionIds().seal(opened());
  fc.assert(
    fc.property(fc.nat(id.length - 1), fc.constantFrom('A', 'B', '.', '_', ''), (sequence, letter) => {
      const changed = id.slice(0, sequence) + letter + id.slice(sequence + 1);
      fc.pre(changed !== id);
      expect(others.open(changed, HOLDER)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
  for (const text of ['', '.', 's1.', 's1..', 's1.x', 's1.x.', '__proto__', 's1.' + 'A'.repeat(5000)]) {
    expect(others.open(text, HOLDER)).toBeUndefined();
  }
});
