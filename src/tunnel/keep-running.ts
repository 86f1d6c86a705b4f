import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** How long to wait before something that ended is started again. */
export interface RestartDelays {
  /** After the first failure; each further failure doubles it. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** A run of this length counts as recovered: the delays start again with the first. */
  readonly steadyMs?: number;
  /** Shortens each delay by up to half at random, so that many clients do not come back at the same time. */
  readonly isSpread?: boolean;
}

/**
 * Runs something again whenever it ends, with growing delays, until the signal is aborted.
 *
 * @param run ends on its own after the signal; it calls `recovered` to start again with the first delay.
 */
export async function keepRunning(
  run: (recovered: () => void) => Promise<void>,
  signal: AbortSignal,
  { firstMs, longestMs, steadyMs = Infinity, isSpread = false }: RestartDelays,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const begin = performance.now();
    await run(() => {
      failures = 0;
    });
    if (performance.now() - begin > steadyMs) failures = 0;
    const ms = Math.min(longestMs, firstMs * 2 ** failures) * (isSpread ? 0.5 + Math.random() / 2 : 1);
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
