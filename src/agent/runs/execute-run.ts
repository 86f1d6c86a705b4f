import type { OutputFile, OutputLimits, RunOrder, RunProgress } from '../../contract/index.js';
import type { Bundles } from '../bundles.js';
import { cleanEnvironment } from '../processes/process-groups.js';
import { callHttp, type HttpAnswer } from './http-step.js';
import type { Parameters } from './references.js';
import type { Executor, StepContext } from './executor.js';
import { runProgram } from './program-step.js';
import type { RunFolder } from './run-folder.js';
import type { RunLog } from './run-log.js';
import { findOutputs, RESULT_FILE, resultOf } from './run-result.js';
import { RunTrace, traceEnvironment } from './run-trace.js';
import { StepSignal } from './step-signal.js';
import { download, type OutputStore, placesOf, storeOutputs, type TransferContext } from './transfers.js';

/** Used when the order of an older runtime has no limits. */
const DEFAULT_LIMITS: OutputLimits = { files: 1000, bytes: 10 * 1024 ** 3 };

export interface RunContext extends OutputStore {
  readonly folder: RunFolder;
  readonly executor: Executor;
  readonly bundles: Bundles;
  readonly progress: (progress: RunProgress) => void;
  /** Receives the output of the programs. */
  readonly log: Pick<RunLog, 'add'>;
  /** The steps have ended, and there are outputs to store. */
  readonly stepsEnded: (answer: unknown) => void;
  /** Ends the run, which then rejects with the reason of the signal. */
  readonly signal: AbortSignal;
}

export interface RunOutcome {
  readonly output: unknown;
  readonly files: readonly OutputFile[];
  /** Sentences about outputs that were renamed or not kept. */
  readonly warnings: readonly string[];
}

/**
 * Runs a task once, in its folder. When this settles, all its programs have ended.
 *
 * @throws {RunFailure} when the run fails; the signal's reason when it is aborted.
 */
export function executeRun(order: RunOrder, context: RunContext): Promise<RunOutcome> {
  const trace = new RunTrace(order);
  return trace.end(executeTraced(order, context, trace));
}

async function executeTraced(order: RunOrder, context: RunContext, trace: RunTrace): Promise<RunOutcome> {
  using bundle = order.bundle && (await context.bundles.use(order.bundle));
  await storeInputs(order, context);
  return await runTraced(order, context, { files: bundle?.path, trace });
}

/** Stores what the steps of a run read: the files of its parameters, and all parameters as JSON. */
export async function storeInputs(
  order: RunOrder,
  { folder, ...context }: Pick<RunContext, 'folder'> & TransferContext,
): Promise<void> {
  const parameters = parametersOf(order, folder);
  await download(order.files, parameters.places, context);
  await folder.write('parameters.json', JSON.stringify(parameters.all));
}

/**
 * Runs the steps of a run whose inputs are stored, and stores its outputs.
 *
 * @param files the folder of the files beside the definition.
 * @throws as {@link executeRun}.
 */
export function executeSteps(
  order: RunOrder,
  context: RunContext,
  files: string | undefined,
): Promise<RunOutcome> {
  const trace = new RunTrace(order);
  return trace.end(runTraced(order, context, { files, trace }));
}

async function runTraced(
  order: RunOrder,
  context: RunContext,
  { files, trace }: { readonly files: string | undefined; readonly trace: RunTrace },
): Promise<RunOutcome> {
  const valued = valuesOfRun(order, context.folder, files);
  const answer = await runSteps(order, { ...context, ...valued }, trace);
  return await outcomeOf(order, context, answer);
}

/** The parameters of a run, and the variables of all its programs. */
export function valuesOfRun(
  order: RunOrder,
  folder: RunFolder,
  files: string | undefined,
): Pick<StepContext, 'parameters' | 'environment'> {
  const parameters = parametersOf(order, folder).all;
  const environment = {
    ...runEnvironment(order, folder),
    ...(files !== undefined && { CYBERUN_WORKFLOW_DIR: files }),
    ...parameterVariables(parameters),
    ...traceEnvironment(order.trace),
  };
  return { parameters, environment };
}

/** The value of a file parameter is the path of its file. */
function parametersOf({ parameters, files }: RunOrder, folder: RunFolder) {
  const places = placesOf(files, folder.input);
  return { places, all: { ...parameters, ...places } };
}

/**
 * Stores the outputs of a run whose steps have ended.
 *
 * @param answer of a last step that is an HTTP call.
 * @throws as {@link executeRun}.
 */
export async function outcomeOf(
  { output_limits = DEFAULT_LIMITS }: Pick<RunOrder, 'output_limits'>,
  { folder, stepsEnded, ...store }: Omit<RunContext, 'executor' | 'bundles' | 'progress' | 'log'>,
  answer: unknown,
): Promise<RunOutcome> {
  const result = await resultOf(folder.output);
  const without = result.kind === 'value' ? RESULT_FILE : undefined;
  const found = await findOutputs(folder.output, output_limits, without);
  if (found.outputs.length > 0) stepsEnded(answer);
  const { files, warnings } = await storeOutputs(found.outputs, store);
  return {
    output: result.kind === 'value' ? result.value : (answer ?? { files, exit_code: 0 }),
    files,
    warnings: [...(result.kind === 'problem' ? [result.problem] : []), ...found.warnings, ...warnings],
  };
}

/** Runs the steps in order in the same folder. Returns the response of the last step if it is an HTTP call. */
async function runSteps(
  order: RunOrder,
  context: StepContext,
  trace: RunTrace,
): Promise<HttpAnswer | undefined> {
  let answer: HttpAnswer | undefined;
  for (const step of order.steps) {
    using stop = new StepSignal(step, context.signal);
    const { signal } = stop;
    answer = await trace.step(step, async (variables) => {
      if (step.kind === 'http') return await callHttp(step, context.parameters, signal);
      const environment = { ...context.environment, ...variables };
      await runProgram(step, { ...context, environment, signal });
      return undefined;
    });
  }
  return answer;
}

function runEnvironment({ task_id, attempt }: RunOrder, folder: RunFolder): Record<string, string> {
  return {
    ...cleanEnvironment(folder.path, folder.temporary),
    // Python buffers output to a pipe; progress would arrive at the end.
    PYTHONUNBUFFERED: '1',
    CYBERUN_TASK_ID: task_id,
    CYBERUN_ATTEMPT: String(attempt),
    CYBERUN_PARAMETERS: folder.parameters,
    CYBERUN_INPUT_DIR: folder.input,
    CYBERUN_OUTPUT_DIR: folder.output,
  };
}

/** Longer values are only in the JSON file; the size of an environment is limited. */
const VARIABLE_LIMIT = 32_768;

/** One variable for each parameter that is a string, a number or a boolean. */
function parameterVariables(parameters: Parameters): Record<string, string> {
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
