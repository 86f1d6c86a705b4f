import { setTimeout as delay } from 'node:timers/promises';

import { StartError } from '../config/index.js';
import { untilAborted } from '../tunnel/index.js';
import { stayConnected } from './connection.js';
import { type AgentOptions, completed, helloOf, taskEnvironmentOf } from './run-agent.js';
import { MainExecution } from './kubernetes/main-execution.js';
import { ProgressCallback } from './kubernetes/progress-callback.js';
import { inputsOfRun, type RUN_PARTS, stepOfRun } from './kubernetes/run-parts.js';
import { OnlyRun, RUN_LEFT } from './runs/only-run.js';
import type { RunName } from './runs/run-stream.js';
import type { RunWork } from './runs/run-work.js';
import { Worker } from './worker.js';

/** What one of the containers of a pod does of a run whose step is another one of them. */
export interface RunPart {
  readonly name: (typeof RUN_PARTS)[number];
  /** Shared by the containers. */
  readonly folder: string;
}

/** As a process that SIGTERM has ended. */
const TERMINATED = 143;
/** Time to get the order. */
const ORDER_LIMIT_MS = 120_000;

/**
 * Runs an agent for one run of a task, in a place that was made for it: it takes the order of this run, and ends when the
 * runtime has the report. SIGTERM ends run and agent at once and without a report, since what sends it decides what becomes of
 * the run.
 *
 * @param part default: all of the run.
 * @returns the exit code of the process: 0 only if the runtime has the report, or the next container is to go on.
 * @throws {StartError} when the gateway refuses the agent or cannot be reached.
 */
export async function runOnce(
  run: RunName,
  options: Omit<AgentOptions, 'labels' | 'slots'>,
  part?: RunPart,
): Promise<number> {
  const complete = completed({ ...options, labels: [], slots: 1 });
  const main = part?.name === 'step' ? new MainExecution() : undefined;
  await using _callback = main && (await ProgressCallback.listen(run, (line) => main.report(line)));
  const only = new OnlyRun(run, part && (await workOf(part, main)));
  const machine = { ...complete, taskEnvironment: taskEnvironmentOf(complete) };
  const hello = { ...helloOf(complete), labels: [], gpus: [] };
  const worker = await Worker.in(machine, hello, { only, main });
  const goodbye = new AbortController();
  const end = Promise.race([
    only.ended.then((how) => (how === (part?.name === 'inputs' ? 'handed over' : 'settled') ? 0 : RUN_LEFT)),
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

function workOf({ name, folder }: RunPart, main: MainExecution | undefined): RunWork | Promise<RunWork> {
  return name === 'inputs' || !main ? inputsOfRun(folder) : stepOfRun(folder, main);
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
