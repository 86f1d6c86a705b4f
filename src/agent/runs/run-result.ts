import { isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';

import {
  isNestedDeeper,
  type OutputFile,
  type OutputLimits,
  OUTPUT_DEPTH_LIMIT,
  parseExact,
  typeOfName,
  validFileName,
} from '../../contract/index.js';

/** Why a run failed; the message is for the submitter of the task. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';

  /** @param isFinal whether a retry would fail in the same way. */
  constructor(
    message: string,
    readonly isFinal: boolean = false,
  ) {
    super(message);
  }
}

/** A run writes its result to this file, which is not an output itself. */
export const RESULT_FILE = 'result.json';
const RESULT_LIMIT = 4 * 1024 * 1024;
const BYTE_ORDER_MARK = '\uFEFF';

/** The result that a run has written; with a `problem` the file is kept as an output instead. */
type WrittenResult =
  | { readonly kind: 'none' }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'problem'; readonly problem: string };

/** Reads the result that a run has written, without loss of precision in numbers. */
export async function resultOf(folder: string): Promise<WrittenResult> {
  const path = join(folder, RESULT_FILE);
  const facts = await stat(path).catch(() => undefined);
  if (!facts?.isFile()) return { kind: 'none' };
  if (facts.size > RESULT_LIMIT) return problem(`it has ${facts.size} bytes; ${RESULT_LIMIT} is the most`);
  try {
    const text = await readFile(path, 'utf8');
    return valueIn(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
  } catch (error) {
    return problem(`it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`);
  }
}

function valueIn(text: string): WrittenResult {
  const parsed = parsedOrReason(text);
  if (typeof parsed === 'string') return problem(parsed);
  if (isNestedDeeper(parsed.value, OUTPUT_DEPTH_LIMIT)) {
    return problem(`it is nested more than ${OUTPUT_DEPTH_LIMIT} levels deep`);
  }
  return { kind: 'value', value: parseExact(text) };
}

function parsedOrReason(text: string): { readonly value: unknown } | string {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    const word = /(?:^|[[:,\s])(-?(?:NaN|Infinity))\b/.exec(text)?.[1];
    const hint = word === undefined ? '' : `; JSON has no ${word}, write null or a string instead`;
    return `it is not JSON: ${(error as Error).message}${hint}`;
  }
}

const problem = (reason: string): WrittenResult => ({
  kind: 'problem',
  problem: `output/${RESULT_FILE} is not used as the result, but kept as a file: ${reason}.`,
});

const WARNINGS_LIMIT = 20;

export interface FoundOutput {
  readonly file: OutputFile;
  /** Its path as bytes: the name may not be valid UTF-8. */
  readonly path: Buffer;
}

/** The output files of a run, and sentences about what is renamed or not kept. */
interface FoundOutputs {
  readonly outputs: readonly FoundOutput[];
  readonly warnings: readonly string[];
}

/**
 * Finds the files in the output folder; links and folders are not followed.
 *
 * @param without name of a file that is not an output.
 * @throws {RunFailure} when they exceed the limits of one task.
 */
export async function findOutputs(
  folder: string,
  limits: OutputLimits,
  without?: string,
): Promise<FoundOutputs> {
  const entries = (await readdir(folder, { encoding: 'buffer', withFileTypes: true })) as Dirent<Buffer>[];
  const files = entries.filter((entry) => entry.isFile() && entry.name.toString('latin1') !== without);
  if (files.length > limits.files) throw new RunFailure(tooMany(files.length, limits), true);
  const places = files.map(({ name }) => name).toSorted((a, b) => a.compare(b));
  const names = outputNames(places);
  const outputs: FoundOutput[] = [];
  let size = 0;
  for (const [index, place] of places.entries()) {
    const path = Buffer.concat([Buffer.from(folder + sep), place]);
    const file = { name: names[index] ?? '', size: (await lstat(path)).size };
    size += file.size;
    outputs.push({ file: { ...file, content_type: typeOfName(file.name) }, path });
  }
  if (size > limits.bytes) throw new RunFailure(tooLarge(size, limits), true);
  return { outputs, warnings: bounded([...entries.flatMap(leftOut), ...places.flatMap(renamedTo(names))]) };
}

/** Shortens a long list of similar warnings. */
export function bounded(warnings: readonly string[]): string[] {
  const more = warnings.length - WARNINGS_LIMIT;
  return more > 0 ? [...warnings.slice(0, WARNINGS_LIMIT), `${more} more of this kind.`] : [...warnings];
}

function leftOut(entry: Dirent<Buffer>): string[] {
  if (entry.isFile()) return [];
  const name = quoted(entry.name);
  return [
    entry.isDirectory()
      ? `Folder ${name} in output/ is not kept: only files directly in output/ are. Pack it into an archive there.`
      : `${name} in output/ is not kept: it is a link or no regular file.`,
  ];
}

const renamedTo =
  (names: readonly string[]) =>
  (place: Buffer, index: number): string[] => {
    const name = names[index] ?? '';
    return Buffer.from(name).equals(place) ? [] : [`Output ${quoted(place)} is kept as "${name}".`];
  };

/** Escapes control characters. */
const quoted = (name: Buffer): string => JSON.stringify(name.toString('utf8'));

const tooMany = (count: number, { files }: OutputLimits): string =>
  `The run left ${count} files in output/, and at most ${files} are kept of one task. Pack them into one archive in output/, or have the operator raise CYBERUN_FILES_OUTPUT_COUNT.`;

const tooLarge = (size: number, { bytes }: OutputLimits): string =>
  `The files in output/ have ${size} bytes, and at most ${bytes} are kept of one task. Leave less there, or have the operator raise CYBERUN_FILES_OUTPUT_BYTES.`;

/**
 * The names under which files are stored: valid and unique. Valid names do not change; others are made valid, and
 * numbered where the name is taken.
 *
 * @param names file names as bytes, which may not be valid UTF-8.
 */
export function outputNames(names: readonly Buffer[]): string[] {
  const taken = new Set(names.filter(isValid).map(asText));
  return names.map((bytes) => {
    if (isValid(bytes)) return asText(bytes);
    const name = numbered(validFileName(asText(bytes)), taken);
    taken.add(name);
    return name;
  });
}

const isValid = (bytes: Buffer): boolean => isUtf8(bytes) && validFileName(asText(bytes)) === asText(bytes);

/** A name decoded as UTF-8, or else as Latin-1, which accepts every byte. */
const asText = (bytes: Buffer): string => bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');

function numbered(name: string, taken: ReadonlySet<string>): string {
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length);
  let result = name;
  for (let number = 2; taken.has(result); number += 1) {
    result = validFileName(`${stem}-${number}${extension}`);
  }
  return result;
}
