import type { RunProgress, RunStep } from '../../contract/index.js';
import type { ProcessEnd, ProcessGroup } from '../processes/process-group.js';
import type { Command, ProcessGroups } from '../processes/process-groups.js';
import { LogTail, onLines } from '../processes/process-output.js';
import { progressOf } from './progress.js';
import { asText, type Parameters, referenceIn, resolve, resolveTexts } from './references.js';
import type { RunFolder } from './run-folder.js';
import { RunFailure } from './run-result.js';

export interface StepContext {
  readonly folder: RunFolder;
  readonly parameters: Parameters;
  /** Environment of every process of the run. */
  readonly environment: Readonly<Record<string, string>>;
  readonly groups: ProcessGroups;
  readonly progress: (progress: RunProgress) => void;
  /** The log of the whole run. */
  readonly log: LogTail;
  readonly signal: AbortSignal;
}

/** Runs the process of a step. When this settles, every process of its group has ended. */
export async function runProcess(step: ProcessStep, context: StepContext): Promise<void> {
  const { signal } = context;
  const command = await commandOf(step, context);
  signal.throwIfAborted();
  const group = started(step, command, context);
  const stop = (): void => void group.end();
  signal.addEventListener('abort', stop, { once: true });
  const tail = listen(group, step, context);
  const end = await group.exited;
  await group.end();
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (end.exitCode !== 0) throw new RunFailure(tail.after(sentence(step, end)));
}

function started(step: ProcessStep, command: Command, { groups, parameters }: StepContext): ProcessGroup {
  try {
    return groups.start(command);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'E2BIG') throw argumentsTooLarge(step, parameters);
    throw error;
  }
}

/** Forwards progress and collects the log. Returns the log of this step. */
function listen(group: ProcessGroup, { name }: ProcessStep, { progress, log }: StepContext): LogTail {
  const tail = new LogTail();
  const isProgress = (text: string): boolean => {
    const report = progressOf(text, name);
    if (report) progress(report);
    return report !== undefined;
  };
  const line = (text: string): void => {
    if (isProgress(text)) return;
    tail.add(text);
    log.add(text);
  };
  for (const stream of group.streams) onLines(stream, { line, overwritten: isProgress });
  return tail;
}

function sentence(step: ProcessStep, { exitCode, reason }: ProcessEnd): string {
  if (exitCode === undefined) return `Step ${step.name} was ended by ${reason ?? 'the system'}.`;
  // The exit code of a shell that cannot find the program.
  const mayBeMissing = exitCode === 127 && step.kind === 'script' && step.language === 'python';
  const hint = mayBeMissing
    ? ' If its agent has no python3 on the PATH, install it there, or use language: js.'
    : '';
  return `Step ${step.name} ended with exit code ${exitCode}.${hint}`;
}

type ProcessStep = Exclude<RunStep, { kind: 'http' }>;

/** Longest argument or variable on Linux in bytes, without the terminating zero. */
const VALUE_BYTES = 128 * 1024 - 1;
const READ_THE_FILE = 'Read it from the file that CYBERUN_PARAMETERS names instead.';

/** A value passed to a process, and its description for error messages. */
interface Given {
  readonly what: string;
  readonly text: string;
}

/** @throws {RunFailure} that names a value which cannot be passed to a process. */
async function commandOf(
  step: ProcessStep,
  { folder, parameters, environment }: StepContext,
): Promise<Command> {
  for (const value of givenBy(step, parameters)) checkValue(step, value);
  const words = step.arguments.map((argument) => asText(resolve(argument, parameters)));
  return {
    ...(await programOf(step, words, folder)),
    folder: folder.path,
    environment: { ...environment, ...resolveTexts(step.environment, parameters) },
  };
}

/** The error when the arguments and variables together exceed the limit of the system. */
function argumentsTooLarge(step: ProcessStep, parameters: Parameters): RunFailure {
  const [largest] = givenBy(step, parameters).toSorted((a, b) => b.text.length - a.text.length);
  const named = largest
    ? ` The largest is ${largest.what}, of ${Buffer.byteLength(largest.text)} bytes.`
    : '';
  return new RunFailure(
    `Step ${step.name} cannot start: its arguments and variables together are larger than the system allows.${named} ${READ_THE_FILE}`,
  );
}

async function programOf(
  step: ProcessStep,
  words: readonly string[],
  folder: RunFolder,
): Promise<Pick<Command, 'program' | 'arguments'>> {
  if (step.kind === 'shell') {
    // The arguments are $1 and so on: data, not part of the command. `-e` ends the script when a command fails.
    return { program: '/bin/sh', arguments: ['-e', '-c', step.command, 'sh', ...words] };
  }
  if (step.language === 'python') {
    return { program: 'python3', arguments: [await folder.write('script.py', step.code), ...words] };
  }
  return { program: process.execPath, arguments: [await folder.write('script.mjs', step.code), ...words] };
}

function givenBy(step: ProcessStep, parameters: Parameters): Given[] {
  const named = (place: string, value: unknown): string => {
    const name = referenceIn(value);
    return name === undefined ? place : `parameter ${name} (${place})`;
  };
  const command = step.kind === 'shell' ? [{ what: 'its command', text: step.command }] : [];
  const words = step.arguments.map((value, index) => ({
    what: named(`argument ${index + 1}`, value),
    text: asText(resolve(value, parameters)),
  }));
  const variables = Object.entries(step.environment).map(([name, value]) => ({
    what: named(`variable ${name}`, value),
    text: `${name}=${asText(resolve(value, parameters))}`,
  }));
  return [...command, ...words, ...variables];
}

function checkValue({ name }: ProcessStep, { what, text }: Given): void {
  const size = Buffer.byteLength(text);
  const problem =
    size > VALUE_BYTES
      ? `${what} has ${size} bytes, and the system allows at most ${VALUE_BYTES} in one value`
      : text.includes('\0') && `${what} contains the character U+0000, which cannot be passed to a process`;
  if (problem) throw new RunFailure(`Step ${name} cannot start: ${problem}. ${READ_THE_FILE}`);
}
