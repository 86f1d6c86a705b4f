import type { RunOrder } from '../../contract/index.js';
import { valuesOfRun } from '../runs/execute-run.js';
import { argumentsTooLarge, valuesOf } from '../runs/program-values.js';
import { RunFolder } from '../runs/run-folder.js';
import type { JobProfile } from './job-profiles.js';
import { type MainContainer, mainContainerOf, type RefusedContainer } from './main-container.js';
import { DEFINITION_FOLDER, MAIN_FOLDER } from './main-job.js';
import { PROGRESS_URL, progressUrl } from './progress-callback.js';
import { fitsSecret, type MainProgram, mainProgramOf } from './main-program.js';
import { jobName } from './run-job.js';

/** A run whose step is a container. */
export interface ContainerRun {
  readonly main: MainContainer;
  readonly program: MainProgram;
}

/**
 * The container of a run, and what it is to execute; its references are resolved as they are on any machine.
 *
 * @returns `undefined` when no step is a container.
 * @throws {RunFailure} that names a value which cannot be passed to a program.
 */
export function containerRunOf(
  order: RunOrder,
  profile: JobProfile,
): ContainerRun | RefusedContainer | undefined {
  const main = mainContainerOf(order, profile);
  if (!main || 'refusal' in main) return main;
  const { step } = main;
  const { parameters, environment } = valuesOfRun(
    order,
    RunFolder.shared(MAIN_FOLDER),
    order.bundle && DEFINITION_FOLDER,
  );
  const { words, variables } = valuesOf(step, parameters);
  // PATH is that of the image.
  const { PATH: _path, ...inherited } = environment;
  const own = { ...inherited, ...variables, [PROGRESS_URL]: progressUrl(order) };
  const program = mainProgramOf({ command: step.command, words, environment: own }, jobName(order));
  if (!fitsSecret(program)) throw argumentsTooLarge(step, parameters);
  return { main, program };
}
