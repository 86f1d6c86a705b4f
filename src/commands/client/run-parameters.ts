import { stat } from 'node:fs/promises';

import type { ParameterDef, Workflow } from '../../contract/index.js';
import { CommandError } from './command-error.js';
import { plainText } from './printing.js';
import { suggestion } from './suggestion.js';

/** A file that is uploaded for a parameter. */
export interface FileArgument {
  readonly key: string;
  readonly path: string;
  readonly size: number;
}

export interface ParsedArguments {
  readonly values: Readonly<Record<string, unknown>>;
  readonly files: readonly FileArgument[];
}

export interface GivenArguments {
  readonly param?: readonly string[];
  readonly file?: readonly string[];
}

/**
 * Reads `--param k=v` and `--file k=path` as the parameters of a workflow.
 *
 * @throws {CommandError} naming the parameter: it is unknown, given twice, missing, or its value is of another type.
 */
export async function runArguments(workflow: Workflow, given: GivenArguments): Promise<ParsedArguments> {
  const defs = new Map((workflow.parameters ?? []).map((def) => [def.key, def]));
  const values: Record<string, unknown> = {};
  const files: FileArgument[] = [];
  const seen = new Set<string>();
  for (const [option, text] of [...pairsOf('--param', given.param), ...pairsOf('--file', given.file)]) {
    const [key, value] = keyAndValue(option, text);
    if (seen.has(key)) throw new CommandError(`${key} is given twice. Give each parameter once.`);
    seen.add(key);
    const def = defs.get(key) ?? unknownParameter(workflow, key);
    if (option === '--param') values[key] = parameterValue(def, value);
    else files.push(await fileArgument(def, value));
  }
  checkRequired(workflow, seen);
  return { values, files };
}

const pairsOf = (option: '--param' | '--file', texts: readonly string[] = []) =>
  texts.map((text) => [option, text] as const);

function keyAndValue(option: string, text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  const example = option === '--file' ? '--file text=notes.txt' : '--param size=800';
  throw new CommandError(`${option} is "${text}", but must be a name, = and a value. Example: ${example}`);
}

function unknownParameter(
  { workflow_slug = 'the workflow', parameters }: Workflow,
  key: string,
): ParameterDef {
  // A runtime that does not describe the parameters decides itself.
  if (!parameters) return { key };
  const names = parameters.map((def) => def.key);
  throw new CommandError(
    `${workflow_slug} has no parameter ${key}. ${names.length === 0 ? 'It takes none.' : suggestion(key, names, 'parameters')}`,
  );
}

function checkRequired(
  { workflow_slug = 'the workflow', parameters }: Workflow,
  seen: ReadonlySet<string>,
): void {
  const missing = (parameters ?? []).filter(({ key, required }) => required && !seen.has(key));
  if (missing.length === 0) return;
  const examples = missing.map(({ key, type }) =>
    type === 'file' ? `--file ${key}=PATH` : `--param ${key}=VALUE`,
  );
  throw new CommandError(
    `${workflow_slug} needs ${missing.map(({ key }) => key).join(', ')}. Add ${examples.join(' ')}; the meaning is in: cyberun-mcp workflows show ${workflow_slug}`,
  );
}

/** Reads a text as the type that the workflow's schema declares. */
function parameterValue(def: ParameterDef, text: string): unknown {
  const { key, type = 'any', options } = def;
  if (options && options.length > 0) return optionOf(key, options, text);
  const kinds = type.split('|').map((kind) => kind.trim().toLowerCase());
  for (const kind of kinds) {
    const value = READERS[kind]?.(text);
    if (value !== undefined) return value;
  }
  // Also the types of other deployments, such as `text` or `file`.
  const isText = kinds.some((kind) => READERS[kind] === undefined);
  if (isText) return text;
  throw new CommandError(
    `${key} is "${plainText(text)}", but must be ${kinds.map((kind) => NAMES[kind] ?? kind).join(' or ')}. Example: --param ${exampleOf(key, kinds[0] ?? '')}`,
  );
}

function optionOf(key: string, options: readonly unknown[], text: string): unknown {
  const found = options.find(
    (option) => (typeof option === 'string' ? option : JSON.stringify(option)) === text,
  );
  if (found !== undefined) return found;
  const names = options.map((option) =>
    plainText(typeof option === 'string' ? option : JSON.stringify(option)),
  );
  throw new CommandError(
    `${key} is "${plainText(text)}", but must be one of ${names.join(', ')}. ${didYouMean(text, names)}`.trim(),
  );
}

function didYouMean(text: string, names: readonly string[]): string {
  const sentence = suggestion(text, names, 'values');
  return sentence.startsWith('Did') ? sentence : '';
}

/** `undefined` when a text is not of the type. A type that is not here takes any text. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  integer: (text) => (/^[+-]?\d+$/.test(text) ? exactNumber(text) : undefined),
  number: (text) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? exactNumber(text) : undefined),
  boolean: (text) => ({ true: true, false: false })[text],
  array: (text) => jsonOf(text, Array.isArray),
  object: (text) =>
    jsonOf(text, (value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  any: (text) => jsonOf(text, () => true) ?? text,
};

/** JavaScript would round larger integers. */
function exactNumber(text: string): number | undefined {
  const number = Number(text);
  return Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number))
    ? number
    : undefined;
}

function jsonOf(text: string, isIt: (value: unknown) => boolean): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isIt(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  array: 'an array as JSON',
  object: 'an object as JSON',
};

const EXAMPLES: Readonly<Record<string, string>> = {
  integer: '10',
  number: '0.5',
  boolean: 'true',
  array: `'["one","two"]'`,
  object: `'{"name":"value"}'`,
};

const exampleOf = (key: string, kind: string): string => `${key}=${EXAMPLES[kind] ?? 'value'}`;

async function fileArgument({ key, type = 'file' }: ParameterDef, path: string): Promise<FileArgument> {
  if (type !== 'file')
    throw new CommandError(
      `${key} is not a file, but of type ${plainText(type)}. Give it with --param ${key}=VALUE`,
    );
  const facts = await stat(path).catch(() => undefined);
  if (!facts) throw new CommandError(`There is no file ${path}, which --file ${key} names.`);
  if (!facts.isFile())
    throw new CommandError(
      `${path}, which --file ${key} names, is not a file. Folders can be sent as an archive.`,
    );
  return { key, path, size: facts.size };
}
