import { setTimeout as delay } from 'node:timers/promises';

import { Agent, request } from 'undici';

import type { ServiceOrder } from '../../contract/index.js';

const START_PAUSE_MS = 150;

/** Not the default dispatcher of Node: that is another version of undici, which ends the process on some responses. */
const dispatcher = new Agent({ pipelining: 0 });

/** A service that is probed until the signal is aborted. */
export interface ProbedService {
  readonly url: string;
  readonly limits: ServiceOrder['limits'];
  readonly signal: AbortSignal;
}

/** Resolves when the service answers its health path; rejects after the start timeout. */
export async function untilHealthy({ url, limits, signal }: ProbedService): Promise<void> {
  const end = performance.now() + limits.start_timeout_ms;
  while (!(await isHealthy(url, limits.health_timeout_ms, signal))) {
    if (performance.now() > end) {
      const seconds = limits.start_timeout_ms / 1000;
      throw new Error(`its health path did not answer within ${seconds} s (start_timeout)`);
    }
    await delay(START_PAUSE_MS, undefined, { signal });
  }
}

/** Rejects after several failed probes in a row. Failed probes of a busy service do not count. */
export async function whileHealthy(
  { url, limits, signal }: ProbedService,
  isBusy: () => boolean,
): Promise<never> {
  for (let misses = 0; misses < limits.health_failures;) {
    await delay(limits.health_interval_ms, undefined, { signal });
    if (await isHealthy(url, limits.health_timeout_ms, signal)) misses = 0;
    else if (!isBusy()) misses += 1;
  }
  throw new Error(
    `its health path did not answer ${limits.health_failures} times in a row (health.failures)`,
  );
}

async function isHealthy(url: string, limitMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    const { statusCode, body } = await request(url, { signal: limit, reset: true, dispatcher });
    await body.dump();
    return statusCode >= 200 && statusCode < 400;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
