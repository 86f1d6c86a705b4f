import type { RetryPolicy } from '../workflows/index.js';

/** Waits grow up to this; a `delay` that is longer does not grow. */
const LONGEST_WAIT_SECONDS = 300;
/** More would exceed the numbers. */
const DOUBLINGS_LIMIT = 16;

/**
 * How long a failed run waits before it is repeated, so that a service that is overloaded or restarts can recover.
 *
 * @param retries how often the task was repeated before.
 * @param usualDelay seconds before the first retry, where the workflow names none.
 */
export function secondsBeforeRetry(
  retries: number,
  policy: RetryPolicy | undefined,
  usualDelay: number,
): number {
  const { backoff, delay = usualDelay } = policy ?? { backoff: 'exponential' };
  const factors = { constant: 1, linear: retries + 1, exponential: 2 ** Math.min(retries, DOUBLINGS_LIMIT) };
  return Math.min(Math.max(LONGEST_WAIT_SECONDS, delay), delay * factors[backoff]);
}
