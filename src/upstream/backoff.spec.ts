import { expect, it } from 'vitest';

import { Backoff, isTemporary } from './backoff.js';
import { UpstreamError, type UpstreamFailure } from './upstream-error.js';

const failure = (kind: UpstreamFailure, status?: number, retry_after_seconds?: number): UpstreamError =>
  new UpstreamError(
    kind,
    { error_message: 'no', ...(retry_after_seconds !== undefined && { retry_after_seconds }) },
    { operation: 'poll', status },
  );

it('Backoff doubles the wait up to a limit, and starts again after an event', () => {
  const backoff = new Backoff();
  expect(Array.from({ length: 7 }, () => backoff.next())).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
  backoff.reset();
  expect(backoff.next()).toBe(250);
});

it('Backoff waits as long as the runtime asks, once', () => {
  const backoff = new Backoff();
  backoff.failed(failure('rejected', 429, 30));
  expect([backoff.next(), backoff.next()]).toEqual([30_000, 500]);
});

it('Backoff never waits longer than a timer can, however long the runtime asks', () => {
  const backoff = new Backoff();
  backoff.failed(failure('rejected', 503, 3_000_000_000));
  expect(backoff.next()).toBe(3_600_000);
});

it.each([
  ['unreachable', undefined, true],
  ['timeout', undefined, true],
  ['rejected', 429, true],
  ['rejected', 503, true],
  ['rejected', 404, false],
  ['rejected', 401, false],
  ['rejected', undefined, false],
  ['invalid', 200, false],
  ['invalid', undefined, false],
  ['cancelled', undefined, false],
] as const)('isTemporary of a failure of kind %s with status %s is %s', (kind, status, expected) => {
  expect(isTemporary(failure(kind, status))).toBe(expected);
});
