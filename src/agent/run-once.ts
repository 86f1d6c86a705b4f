import { setTimeout as delay } from 'node:timers/promises';

import { StartError } from '../config/index.js';
import { stayConnected } from './connection.js';
import { type AgentOptions, completed, helloOf, taskEnvironmentOf, untilAborted } from './run-agent.js';
import { OnlyRun, RUN_LEFT } from './runs/only-run.js';
import type { RunName } from './runs/run-stream.js';
import { Worker } from './worker.js';

/** As a process that SIGTERM has ended. */
const TERMINATED = 143;
/** Time to get the order. */
const ORDER_LIMIT_MS = 120_000;

/**
 * Runs an agent for one run of a task, in a place that was made for it: it takes the order of this run, and ends when the
 * runtime has the report. SIGTERM ends run and agent at once and without a report, since what sends it decides what becomes of
 * the run.
 *
 * @returns the exit code of the process: 0 only if the runtime has the report.
 * @throws {StartError} when the gateway refuses the agent or cannot be reached.
 */
export async function runOnce(
  run: RunName,
  options: Omit<AgentOptions, 'labels' | 'slots'>,
): Promise<number> {
  const complete = completed({ ...options, labels: [], slots: 1 });
  const only = new OnlyRun(run);
  const machine = { ...complete, taskEnvironment: taskEnvironmentOf(complete) };
  const hello = { ...helloOf(complete), labels: [], gpus: [] };
  const worker = await Worker.in(machine, hello, only);
  const goodbye = new AbortController();
  const end = Promise.race([
    only.ended.then((isSettled) => (isSettled ? 0 : RUN_LEFT)),
    untilAborted(complete.drain).then(() => TERMINATED),
    untilTooLate(only, worker, complete.gateways),
  ]);
  end.catch(() => undefined).finally(() => goodbye.abort());
  try {
    await stayConnected(worker, { ...complete, signal: goodbye.signal });
    return await end;
  } finally {
    await worker.end();
  }
}

/** Resolves when no order has come in time. */
async function untilTooLate(only: OnlyRun, worker: Worker, gateways: readonly string[]): Promise<number> {
  await delay(ORDER_LIMIT_MS, undefined, { ref: false });
  if (only.hasBegun) return only.ended.then(() => RUN_LEFT);
  if (worker.isKnown) return RUN_LEFT;
  throw new StartError(
    `its agent could not be reached at ${gateways.join(', ')} within ${ORDER_LIMIT_MS / 1000} s; see --kubernetes-url, and the network policies of the namespace`,
  );
}
