import { expect, it } from 'vitest';

import type { RetryPolicy } from '../workflows/index.js';
import { secondsBeforeRetry } from './retry-backoff.js';

const waits = (policy: RetryPolicy | undefined, usualDelay = 1): number[] =>
  [0, 1, 2, 3, 99].map((retries) => secondsBeforeRetry(retries, policy, usualDelay));

it('a policy makes the waits constant, linear or exponential, up to five minutes', () => {
  expect(waits(undefined)).toEqual([1, 2, 4, 8, 300]);
  expect(waits({ backoff: 'exponential', delay: 20 })).toEqual([20, 40, 80, 160, 300]);
  expect(waits({ backoff: 'linear', delay: 20 })).toEqual([20, 40, 60, 80, 300]);
  expect(waits({ backoff: 'constant', delay: 20 })).toEqual([20, 20, 20, 20, 20]);
});

it('a policy without a delay begins with that of the settings, and 0 does not wait', () => {
  expect(waits({ backoff: 'linear' }, 3)).toEqual([3, 6, 9, 12, 300]);
  expect(waits({ backoff: 'exponential', delay: 0 }, 3)).toEqual([0, 0, 0, 0, 0]);
});

it('a delay above five minutes is kept as it is', () => {
  expect(waits({ backoff: 'exponential', delay: 900 })).toEqual([900, 900, 900, 900, 900]);
});
