import { isUtf8 } from 'node:buffer';
import { extname } from 'node:path';

import { validFileName } from '../../contract/index.js';

/**
 * The names under which files are kept: each valid, and no two alike. A name that is valid stays as it is; others are
 * made valid and get a number where that name is taken.
 *
 * @param names bytes as the folder holds them, which need not be text.
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

/** The bytes of a name as text: UTF-8, or else Latin-1, in which every byte is a letter. */
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
