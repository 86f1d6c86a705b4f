import type { RunStep } from '../../contract/index.js';
import type { Command } from '../processes/index.js';
import { asText, referenceIn, resolve, resolveTexts } from './references.js';
import { RunFailure } from './run-failure.js';
import type { RunFolder } from './run-folder.js';

export type ProcessStep = Exclude<RunStep, { kind: 'http' }>;

/** What the command of a step is made from. */
export interface CommandSources {
  readonly folder: RunFolder;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** What every process of the run has in its environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Longest argument or variable that Linux gives to a process, in bytes, one of which ends it. */
const VALUE_BYTES = 128 * 1024 - 1;
const READ_THE_FILE = 'Read it from the file that CYBERUN_PARAMETERS names instead.';

/** A value that a process gets, and what it is called in a sentence. */
interface Given {
  readonly what: string;
  readonly text: string;
}

/** @throws {RunFailure} naming the value that no process can be given. */
export async function commandOf(step: ProcessStep, sources: CommandSources): Promise<Command> {
  const { folder, parameters, environment } = sources;
  for (const value of givenBy(step, parameters)) checkValue(step, value);
  const words = step.arguments.map((argument) => asText(resolve(argument, parameters)));
  return {
    ...(await programOf(step, words, folder)),
    folder: folder.path,
    environment: { ...environment, ...resolveTexts(step.environment, parameters) },
  };
}

/** The sentence for a process that the system did not start, because all its values together are too much. */
export function tooMuch(step: ProcessStep, { parameters }: Pick<CommandSources, 'parameters'>): RunFailure {
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
    // To a shell the arguments are $1 and so on: data, never part of the command. A command that fails ends it.
    return { program: '/bin/sh', arguments: ['-e', '-c', step.command, 'sh', ...words] };
  }
  if (step.language === 'python') {
    return { program: 'python3', arguments: [await folder.write('script.py', step.code), ...words] };
  }
  return { program: process.execPath, arguments: [await folder.write('script.mjs', step.code), ...words] };
}

function givenBy(step: ProcessStep, parameters: CommandSources['parameters']): Given[] {
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
      ? `${what} has ${size} bytes, and the system gives a process at most ${VALUE_BYTES} in one value`
      : text.includes('\0') && `${what} holds the character U+0000, which no process can be given`;
  if (problem) throw new RunFailure(`Step ${name} cannot start: ${problem}. ${READ_THE_FILE}`);
}
