import { describe, expect, it } from 'vitest';

import { UpstreamError, type UpstreamFailure } from '../../../upstream/index.js';
import { Backoff, isPassing } from './backoff.js';

const failure = (kind: UpstreamFailure, status?: number, retry_after_seconds?: number): UpstreamError =>
  new UpstreamError(
    kind,
    { error_message: 'no', ...(retry_after_seconds !== undefined && { retry_after_seconds }) },
    { operation: 'look', status },
  );

describe('the pause before the next look', () => {
  it('grows to a limit and is short again once something was heard', () => {
    const backoff = new Backoff();
    expect(Array.from({ length: 7 }, () => backoff.next())).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
    backoff.heard();
    expect(backoff.next()).toBe(250);
  });

  it('is as long as the runtime asked for, once', () => {
    const backoff = new Backoff();
    backoff.failed(failure('rejected', 429, 30));
    expect([backoff.next(), backoff.next()]).toEqual([30_000, 500]);
  });

  it('is never longer than a timer can take, whatever the runtime asked for', () => {
    const backoff = new Backoff();
    backoff.failed(failure('rejected', 503, 3_000_000_000));
    expect(backoff.next()).toBe(3_600_000);
  });
});

describe('a failure', () => {
  it.each([
    ['unreachable', undefined, true],
    ['timeout', undefined, true],
    ['rejected', 429, true],
    ['rejected', 503, true],
    ['rejected', 404, false],
    ['rejected', 401, false],
    ['invalid', 200, false],
    ['cancelled', undefined, false],
  ] as const)('%s %s may pass: %s', (kind, status, expected) => {
    expect(isPassing(failure(kind, status))).toBe(expected);
  });
});
