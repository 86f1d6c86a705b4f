import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { RateLimiter } from './rate-limiter.js';

let limiter: RateLimiter;
let warnings: string[];
beforeEach(() => {
  vi.useFakeTimers();
  limiter = new RateLimiter();
  warnings = [];
  const note = (message: unknown): void => void warnings.push(JSON.stringify(message));
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(note);
  vi.spyOn(Logger.prototype, 'log').mockImplementation(note);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** How many of so many requests are counted. */
async function counted(requests: number, perMinute: number, name = 'a'): Promise<number> {
  let count = 0;
  for (let n = 0; n < requests; n += 1) if ((await limiter.take(name, perMinute)) === 0) count += 1;
  return count;
}

it.each([1, 3, 7, 60, 997])('of any number of requests at once, %i per minute are counted', async (rate) => {
  expect(await counted(rate + 5, rate)).toBe(rate);
});

it('the allowance comes back evenly over the minute', async () => {
  expect(await counted(10, 6)).toBe(6);
  expect(await limiter.take('a', 6)).toBeCloseTo(10_000, -2);
  vi.advanceTimersByTime(9900);
  expect(await counted(1, 6)).toBe(0);
  vi.advanceTimersByTime(200);
  expect(await counted(5, 6)).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect(await counted(10, 6)).toBe(6);
});

it('each name has an allowance of its own', async () => {
  expect(await counted(5, 3, 'a')).toBe(3);
  expect(await counted(5, 3, 'b')).toBe(3);
});

it('a request with a cost takes so much of the allowance, and when it is refused, cheaper ones are not', async () => {
  expect(await limiter.take('a', 10, 8)).toBe(0);
  expect(await limiter.take('a', 10, 5)).toBeCloseTo(18_000, -2);
  expect(limiter.refusedFor('a')).toBe(0);
  expect(await counted(5, 10)).toBe(2);
});

it('shared counts decide, and what they have refused is refused without asking them', async () => {
  const take = vi.fn().mockResolvedValueOnce(0).mockResolvedValueOnce(5000).mockResolvedValue(0);
  limiter.share({ take });
  expect(await counted(5, 6)).toBe(1);
  expect(take.mock.calls).toEqual([
    ['a', 10_000],
    ['a', 10_000],
  ]);
  vi.advanceTimersByTime(5001);
  expect(await counted(2, 6)).toBe(2);
});

it('while shared counts cannot be reached, the process counts alone, says so once, and asks again after a second', async () => {
  const take = vi.fn().mockRejectedValue(new Error('connection lost'));
  limiter.share({ take });
  expect(await counted(10, 6)).toBe(6);
  expect(take).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(11_000);
  expect(await counted(1, 6)).toBe(1);
  expect(take).toHaveBeenCalledTimes(2);
  expect(warnings).toEqual([
    '{"message":"Rates are counted by this process alone until Redis answers again.","reason":"connection lost"}',
  ]);
  take.mockResolvedValue(0);
  vi.advanceTimersByTime(11_000);
  expect(await counted(1, 6)).toBe(1);
  expect(warnings[1]).toBe('"Rates are counted over all replicas again."');
});
