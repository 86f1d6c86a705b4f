import { isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { extname, sep } from 'node:path';

import { lookup } from 'mime-types';

import { type OutputFile, type OutputLimits, validFileName } from '../../contract/index.js';
import { RunFailure } from './run-result.js';

const WARNINGS_LIMIT = 20;

/** An output file of a run. */
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
    outputs.push({ file: { ...file, content_type: contentTypeOf(file.name) }, path });
  }
  if (size > limits.bytes) throw new RunFailure(tooLarge(size, limits), true);
  return { outputs, warnings: bounded([...entries.flatMap(leftOut), ...places.flatMap(renamedTo(names))]) };
}

/** The registered types of what the database of mime-types does not know, or knows by an older name. */
const REGISTERED: Readonly<Record<string, string>> = {
  '.ndjson': 'application/x-ndjson',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
};

/** The content type of a file, by the extension of its name. */
const contentTypeOf = (name: string): string =>
  REGISTERED[extname(name).toLowerCase()] ?? (lookup(name) || 'application/octet-stream');

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
