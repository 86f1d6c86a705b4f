import { open, readdir } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';

import { StartError } from '../../config/index.js';

/** The files of a folder. */
export interface DefinitionTexts {
  /** The text of every definition file, or the error of reading it. */
  readonly texts: ReadonlyMap<string, string | Error>;
  /** Files that look like definitions but have another extension; `undefined` when the folder does not exist. */
  readonly ignored: readonly string[] | undefined;
}

const YAML_FILE = /^[^.].*\.ya?ml$/i;
/** JSON, and copies such as `a.yaml.txt` and `a.yaml~`. */
const LIKE_A_DEFINITION = /^[^.].*\.(json$|ya?ml\b)/i;
/** Also the limit of a Kubernetes ConfigMap. */
const LARGEST_BYTES = 1024 * 1024;

export const isDefinitionFile = (name: string): boolean => YAML_FILE.test(name);

/** Reads every definition file of a folder; an unreadable file does not affect the others. */
export async function readDefinitionTexts(folder: string): Promise<DefinitionTexts> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    // A temporary error must not remove the definitions.
    throw new StartError(`The folder ${folder} cannot be read: ${error.message}.`);
  });
  const files = (names ?? []).filter(isDefinitionFile).sort();
  const texts = await Promise.all(
    files.map(async (file) => [file, await textOf(join(folder, file))] as const),
  );
  const ignored = names?.filter((name) => LIKE_A_DEFINITION.test(name) && !isDefinitionFile(name)).sort();
  return { texts: new Map(texts), ignored };
}

async function textOf(path: string): Promise<string | Error> {
  try {
    // Without O_NONBLOCK opening a named pipe would wait for its writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile()) return new Error('it is not a file');
    if (found.size > LARGEST_BYTES)
      return new Error(`it has ${found.size} bytes; a definition has at most ${LARGEST_BYTES}`);
    return utf8.decode(await file.readFile());
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return new Error(
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : `it cannot be read: ${message}`,
    );
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
