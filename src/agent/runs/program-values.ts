import type { ProgramStep } from './executor.js';
import { asText, type Parameters, referenceIn, resolve, resolveTexts } from './references.js';
import { RunFailure } from './run-result.js';

/** Longest argument or variable on Linux in bytes, without the terminating zero. */
const VALUE_BYTES = 128 * 1024 - 1;
const READ_THE_FILE = 'Read it from the file that CYBERUN_PARAMETERS names instead.';

/** A value passed to a process, and its description for error messages. */
interface Given {
  readonly what: string;
  readonly text: string;
}

/**
 * The arguments and variables of a step.
 *
 * @throws {RunFailure} that names a value which cannot be passed to a program.
 */
export function valuesOf(
  step: ProgramStep,
  parameters: Parameters,
): { readonly words: string[]; readonly variables: Record<string, string> } {
  for (const value of givenBy(step, parameters)) checkValue(step, value);
  return {
    words: step.arguments.map((argument) => asText(resolve(argument, parameters))),
    variables: resolveTexts(step.environment, parameters),
  };
}

/** The error when the arguments and variables together exceed the limit of the system. */
export function argumentsTooLarge(step: ProgramStep, parameters: Parameters): RunFailure {
  const [largest] = givenBy(step, parameters).toSorted((a, b) => b.text.length - a.text.length);
  const named = largest
    ? ` The largest is ${largest.what}, of ${Buffer.byteLength(largest.text)} bytes.`
    : '';
  return new RunFailure(
    `Step ${step.name} cannot start: its arguments and variables together are larger than the system allows.${named} ${READ_THE_FILE}`,
  );
}

function givenBy(step: ProgramStep, parameters: Parameters): Given[] {
  const named = (place: string, value: unknown): string => {
    const name = referenceIn(value);
    return name === undefined ? place : `parameter ${name} (${place})`;
  };
  const text = 'command' in step ? step.command : undefined;
  const command = text === undefined ? [] : [{ what: 'its command', text }];
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
