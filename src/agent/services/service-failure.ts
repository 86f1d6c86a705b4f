import { stripVTControlCharacters } from 'node:util';

import type { ServiceReport } from '../../contract/index.js';

const LINES = 20;
const LINE_LENGTH = 300;
const MASK = '[hidden]';
/** Shorter values are not masked: they are not secrets, and occur in every log. */
const SHORTEST_SECRET = 4;
/** A longer value is recognised by its beginning, because log lines may be truncated. */
const RECOGNISED_LENGTH = 64;

export class ProcessEnded extends Error {
  constructor(
    readonly exitCode: number | undefined,
    reason: string | undefined,
  ) {
    super(exitCode === undefined ? `ended by ${reason ?? 'the system'}` : `exit code ${exitCode}`);
  }
}

/** Why a service failed, and the end of its log with the values of its environment masked. */
export function failureOf(
  error: unknown,
  lines: readonly string[],
  environment: Readonly<Record<string, string>>,
): NonNullable<ServiceReport['failure']> {
  const hide = maskOf(Object.values(environment));
  const exitCode = error instanceof ProcessEnded ? error.exitCode : undefined;
  return {
    reason: hide(error instanceof Error ? error.message : String(error)),
    ...(exitCode !== undefined && { exit_code: exitCode }),
    log_lines: lines.slice(-LINES).map((line) => readable(hide(line))),
  };
}

function readable(line: string): string {
  // oxlint-disable-next-line no-control-regex
  const plain = stripVTControlCharacters(line).replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F]/g, ' ');
  return plain.length > LINE_LENGTH ? `${plain.slice(0, LINE_LENGTH)}…` : plain;
}

/** Replaces every secret: as it is, in JSON, percent-encoded, or in base64. */
function maskOf(values: readonly string[]): (text: string) => string {
  const secrets = values
    .flatMap((value) => [value, ...value.split(/\r?\n/)])
    .flatMap((value) => (value.trim().length >= SHORTEST_SECRET ? spellingsOf(value) : []));
  if (secrets.length === 0) return (text) => text;
  // Longest first: one secret may start with another.
  const patterns = [...new Set(secrets)].toSorted((one, other) => other.length - one.length).map(patternOf);
  const pattern = new RegExp(patterns.join('|'), 'g');
  return (text) => text.replaceAll(pattern, MASK);
}

const spellingsOf = (value: string): string[] => [
  value,
  JSON.stringify(value).slice(1, -1),
  encodeURIComponent(value.toWellFormed()),
  Buffer.from(value).toString('base64'),
];

function patternOf(secret: string): string {
  const isLong = secret.length > RECOGNISED_LENGTH;
  const begin = isLong ? secret.slice(0, RECOGNISED_LENGTH) : secret;
  return begin.replaceAll(/[$()*+.?[\\\]^{|}/-]/g, String.raw`\$&`) + (isLong ? String.raw`\S*` : '');
}
