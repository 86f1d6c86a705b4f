import { setTimeout as delay } from 'node:timers/promises';

import { request } from 'undici';

const START_LIMIT_MS = 120_000;
const START_PAUSE_MS = 150;
const PROBE_LIMIT_MS = 5000;
const PROBE_EVERY_MS = 5000;
const MISSES_ALLOWED = 3;

/** Resolves when the service answers its health path; rejects when it has not within two minutes. */
export async function untilHealthy(url: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + START_LIMIT_MS;
  while (!(await isHealthy(url, signal))) {
    if (performance.now() > end) throw new Error(`it did not become healthy in ${START_LIMIT_MS / 1000} s`);
    await delay(START_PAUSE_MS, undefined, { signal });
  }
}

/** Rejects when a service that was healthy has not answered its health path several times in a row. */
export async function whileHealthy(url: string, signal: AbortSignal): Promise<never> {
  for (let misses = 0; misses < MISSES_ALLOWED;) {
    await delay(PROBE_EVERY_MS, undefined, { signal });
    misses = (await isHealthy(url, signal)) ? 0 : misses + 1;
  }
  throw new Error(`its health path did not answer ${MISSES_ALLOWED} times in a row`);
}

async function isHealthy(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PROBE_LIMIT_MS)]);
    const { statusCode, body } = await request(url, { signal: limit, reset: true });
    await body.dump();
    return statusCode >= 200 && statusCode < 400;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
