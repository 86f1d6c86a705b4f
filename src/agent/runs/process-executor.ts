import type { Execution } from '../execution.js';
import type { Command, ProcessGroups } from '../processes/process-groups.js';
import type { Executor, ProgramStep, StepContext } from './executor.js';
import { asText, type Parameters, referenceIn, resolve, resolveTexts } from './references.js';
import type { RunFolder } from './run-folder.js';
import { RunFailure } from './run-result.js';

/** Starts steps as processes of this machine, each in a process group of its own. */
export class ProcessExecutor implements Executor {
  constructor(private readonly groups: ProcessGroups) {}

  async start(step: ProgramStep, context: StepContext): Promise<Execution> {
    const command = await commandOf(step, context);
    context.signal.throwIfAborted();
    try {
      return this.groups.start(command);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'E2BIG')
        throw argumentsTooLarge(step, context.parameters);
      throw error;
    }
  }
}

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
  step: ProgramStep,
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
function argumentsTooLarge(step: ProgramStep, parameters: Parameters): RunFailure {
  const [largest] = givenBy(step, parameters).toSorted((a, b) => b.text.length - a.text.length);
  const named = largest
    ? ` The largest is ${largest.what}, of ${Buffer.byteLength(largest.text)} bytes.`
    : '';
  return new RunFailure(
    `Step ${step.name} cannot start: its arguments and variables together are larger than the system allows.${named} ${READ_THE_FILE}`,
  );
}

async function programOf(
  step: ProgramStep,
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

function givenBy(step: ProgramStep, parameters: Parameters): Given[] {
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

function checkValue({ name }: ProgramStep, { what, text }: Given): void {
  const size = Buffer.byteLength(text);
  const problem =
    size > VALUE_BYTES
      ? `${what} has ${size} bytes, and the system allows at most ${VALUE_BYTES} in one value`
      : text.includes('\0') && `${what} contains the character U+0000, which cannot be passed to a process`;
  if (problem) throw new RunFailure(`Step ${name} cannot start: ${problem}. ${READ_THE_FILE}`);
}
