import { stripVTControlCharacters } from 'node:util';

import { table } from '../table.js';

export interface PrintOptions {
  readonly json?: true;
}

/** Text of others as one line: control characters could move the cursor, or change what the terminal shows. */
export const plainText = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();

/** The same for a text of several lines. */
export const plainLines = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/[^\P{Cc}\n\t]+/gu, '')
    .trimEnd();

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** A line for the person, beside the result. */
export function note(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

type Cell = string | number | null | undefined;

export function printTable(titles: readonly string[], rows: readonly (readonly Cell[])[]): void {
  process.stdout.write(table([titles, ...rows.map((row) => row.map(cellText))]));
}

/** Names and values below one another; those without a value are left out. */
export function printFields(fields: Readonly<Record<string, Cell>>): void {
  const given = Object.entries(fields).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  );
  const width = Math.max(0, ...given.map(([name]) => name.length)) + 2;
  for (const [name, value] of given) {
    const [first = '', ...more] = plainLines(String(value)).split('\n');
    process.stdout.write(
      `${[`${name.padEnd(width)}${first}`, ...more.map((line) => ' '.repeat(width) + line)].join('\n')}\n`,
    );
  }
}

const cellText = (value: Cell): string =>
  value === undefined || value === null || value === '' ? '-' : plainText(String(value));

/** A time of the API, to the second. */
export const timeText = (time: string | null | undefined): string | undefined =>
  time?.replace(/\.\d+(?=Z|[+-])/, '');

/** How long something took, or takes. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
