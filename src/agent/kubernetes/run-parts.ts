import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { runOrder } from '../../contract/index.js';
import { executeSteps, storeInputs } from '../runs/execute-run.js';
import { type ContainerStep, type Executor, executorByKind, type ProcessStep } from '../runs/executor.js';
import { RunHandedOver } from '../runs/run-end.js';
import { RunFolder } from '../runs/run-folder.js';
import type { RunWork } from '../runs/run-work.js';

/** What an agent in such a pod does: it stores the inputs, or has the step and stores the outputs. */
export const RUN_PARTS = ['inputs', 'step'] as const;

/** What a run has in the volume that the containers of its pod share. */
const sharedPaths = (folder: string) => ({
  run: join(folder, 'run'),
  /** The files beside the definition. */
  files: join(folder, 'files'),
  /** Not mounted by the container of the step, which sees `run` and `files` alone. */
  order: join(folder, 'order.json'),
});

/** What one container leaves to the next. */
const handedOver = z.object({
  order: runOrder,
  hold_seconds: z.number().min(0),
  /** When the run began, in milliseconds since 1970; both containers have the clock of their node. */
  began: z.number(),
});

/**
 * The inputs of a run whose step is another container of the pod: stores them, and hands the run over.
 *
 * @param folder shared with the other containers.
 */
export function inputsOfRun(folder: string): RunWork {
  const paths = sharedPaths(folder);
  const own = RunFolder.shared(paths.run);
  let began = 0;
  return {
    folder: async () => {
      began = Date.now();
      await own.make();
      await mkdir(paths.files, { recursive: true });
      return own;
    },
    execute: async (order, context, hold_seconds) => {
      using bundle = order.bundle && (await context.bundles.use(order.bundle));
      if (bundle) await cp(bundle.path, paths.files, { recursive: true });
      await storeInputs(order, context);
      const left: z.input<typeof handedOver> = { order, hold_seconds, began };
      await writeFile(paths.order, JSON.stringify(left), { mode: 0o600 });
      throw new RunHandedOver('the next container of the pod goes on with the run');
    },
  };
}

/** Such a run has one step. */
const noProcesses: Executor<ProcessStep> = {
  start: ({ name }) => Promise.reject(new Error(`step ${name} is no container`)),
};

/** The step and the outputs of a run whose inputs are stored by {@link inputsOfRun}. */
export async function stepOfRun(folder: string, container: Executor<ContainerStep>): Promise<RunWork> {
  const paths = sharedPaths(folder);
  const executor = executorByKind(noProcesses, container);
  const left = handedOver.parse(JSON.parse(await readFile(paths.order, 'utf8')));
  return {
    begun: { order: left.order, holdSeconds: left.hold_seconds, spentMs: Date.now() - left.began },
    folder: () => Promise.resolve(RunFolder.shared(paths.run)),
    execute: (order, context) => executeSteps(order, { ...context, executor }, order.bundle && paths.files),
  };
}
