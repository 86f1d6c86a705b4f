import type { OutputFile, OutputLimits, RunOrder, RunProgress } from '../../contract/index.js';
import type { Bundles } from '../bundles.js';
import { cleanEnvironment } from '../clean-environment.js';
import type { LogTail, ProcessGroups } from '../processes/index.js';
import { callHttp, type HttpAnswer } from './http-step.js';
import { findOutputs } from './outputs.js';
import { runProcess, type StepSurroundings } from './process-step.js';
import { RunFolder } from './run-folder.js';
import { RESULT_FILE, resultOf } from './run-result.js';
import { type OutputStore, storeOutputs } from './store-outputs.js';
import { download } from './transfers.js';

/** What is kept of a task where the runtime, an older one, does not say. */
const DEFAULT_LIMITS: OutputLimits = { files: 1000, bytes: 10 * 1024 ** 3 };

/** What a run needs of the agent it runs on. */
export interface RunSurroundings extends OutputStore {
  readonly workDir: string;
  readonly groups: ProcessGroups;
  readonly bundles: Bundles;
  readonly progress: (progress: RunProgress) => void;
  /** Gets what the processes of the run write. */
  readonly log: LogTail;
  /** Ends the run; its reason is what comes out of it. */
  readonly signal: AbortSignal;
}

/** What came out of a run. */
export interface RunOutcome {
  readonly output: unknown;
  readonly files: readonly OutputFile[];
  /** What is kept otherwise than the run left it, or not at all. */
  readonly warnings: readonly string[];
}

/**
 * Runs a task once. No process of it is left when this settles, and no file that can be removed.
 *
 * @throws {RunFailure} when the run did not succeed; the signal's reason when it was ended.
 */
export async function executeRun(order: RunOrder, surroundings: RunSurroundings): Promise<RunOutcome> {
  const { workDir, signal } = surroundings;
  await using folder = await RunFolder.create(workDir);
  using bundle = order.bundle && (await surroundings.bundles.use(order.bundle));
  const places = await download(order.files, folder.input, signal);
  const parameters = { ...order.parameters, ...places };
  await folder.write('parameters.json', JSON.stringify(parameters));
  const environment = {
    ...runEnvironment(order, folder),
    ...(bundle && { CYBERUN_WORKFLOW_DIR: bundle.path }),
    ...parameterVariables(parameters),
  };
  const answer = await runSteps(order, { ...surroundings, folder, parameters, environment });
  return await outcomeOf(order, answer, { ...surroundings, folder });
}

async function outcomeOf(
  { output_limits = DEFAULT_LIMITS }: RunOrder,
  answer: HttpAnswer | undefined,
  { folder, ...store }: OutputStore & { readonly folder: RunFolder },
): Promise<RunOutcome> {
  const said = await resultOf(folder.output);
  const without = said.kind === 'value' ? RESULT_FILE : undefined;
  const found = await findOutputs(folder.output, output_limits, without);
  const { files, warnings } = await storeOutputs(found.outputs, store);
  return {
    output: said.kind === 'value' ? said.value : (answer ?? { files, exit_code: 0 }),
    files,
    warnings: [...(said.kind === 'problem' ? [said.problem] : []), ...found.warnings, ...warnings],
  };
}

/** One after the other in the same folder. Returns the answer of the last step if that was an HTTP call. */
async function runSteps(order: RunOrder, surroundings: StepSurroundings): Promise<HttpAnswer | undefined> {
  let answer: HttpAnswer | undefined;
  for (const step of order.steps) {
    answer = undefined;
    if (step.kind === 'http') answer = await callHttp(step, surroundings.parameters, surroundings.signal);
    else await runProcess(step, surroundings);
  }
  return answer;
}

function runEnvironment({ task_id, attempt }: RunOrder, folder: RunFolder): Record<string, string> {
  return {
    ...cleanEnvironment(folder.path, folder.temporary),
    // Python holds back what it writes to a pipe; its progress would arrive at the end.
    PYTHONUNBUFFERED: '1',
    CYBERUN_TASK_ID: task_id,
    CYBERUN_ATTEMPT: String(attempt),
    CYBERUN_PARAMETERS: folder.parameters,
    CYBERUN_INPUT_DIR: folder.input,
    CYBERUN_OUTPUT_DIR: folder.output,
  };
}

/** Longer texts are in the JSON file alone; a process cannot start with too large an environment. */
const VARIABLE_LIMIT = 32_768;

/** One variable for each parameter that is a text, a number or a truth value. */
function parameterVariables(parameters: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters)
      .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
      .filter(([, value]) => String(value).length <= VARIABLE_LIMIT && !String(value).includes('\0'))
      .map(([name, value]) => [
        `CYBERUN_PARAM_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`,
        String(value),
      ]),
  );
}
