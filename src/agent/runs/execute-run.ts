import type { OutputFile, RunOrder, RunProgress } from '../../contract/index.js';
import { cleanEnvironment } from '../clean-environment.js';
import type { ProcessGroups } from '../processes/index.js';
import { callHttp, type HttpAnswer } from './http-step.js';
import { outputFiles, resultOf } from './outputs.js';
import { runProcess, type StepSurroundings } from './process-step.js';
import { RunFolder } from './run-folder.js';
import { download, upload, type Upload } from './transfers.js';

/** What a run needs of the agent it runs on. */
export interface RunSurroundings {
  readonly workDir: string;
  readonly groups: ProcessGroups;
  readonly progress: (progress: RunProgress) => void;
  /** Where to store these files. */
  readonly uploads: (files: readonly OutputFile[]) => Promise<readonly Upload[]>;
  /** Ends the run; its reason is what comes out of it. */
  readonly signal: AbortSignal;
}

/** What came out of a run. */
export interface RunOutcome {
  readonly output: unknown;
  readonly files: readonly OutputFile[];
}

/**
 * Runs a task once. Nothing of it is left when this settles: no process, no file.
 *
 * @throws {RunFailure} when the run did not succeed; the signal's reason when it was ended.
 */
export async function executeRun(order: RunOrder, surroundings: RunSurroundings): Promise<RunOutcome> {
  const { workDir, signal } = surroundings;
  await using folder = await RunFolder.create(workDir);
  const places = await download(order.files, folder.input, signal);
  const parameters = { ...order.parameters, ...places };
  await folder.write('parameters.json', JSON.stringify(parameters));
  const environment = { ...runEnvironment(order, folder), ...parameterVariables(parameters) };
  const answer = await runSteps(order, { ...surroundings, folder, parameters, environment });
  const files = await outputFiles(folder.output);
  const output = (await resultOf(folder.output)) ?? answer ?? { files, exit_code: 0 };
  await store(files, folder, surroundings);
  return { output, files };
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

async function store(
  files: readonly OutputFile[],
  folder: RunFolder,
  { uploads, signal }: RunSurroundings,
): Promise<void> {
  if (files.length === 0) return;
  const links = new Map((await uploads(files)).map((link) => [link.name, link]));
  for (const file of files) {
    const link = links.get(file.name);
    if (!link) throw new Error(`the gateway gave no upload link for ${file.name}`);
    await upload(file, folder.output, link, signal);
  }
}

function runEnvironment({ task_id, attempt }: RunOrder, folder: RunFolder): Record<string, string> {
  return {
    ...cleanEnvironment(folder.path, folder.temporary),
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
