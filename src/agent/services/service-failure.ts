import { errorText } from '../../config/index.js';
import type { ServiceReport } from '../../contract/index.js';
import type { SecretMask } from '../processes/secret-mask.js';

/** Lines of the log in the state of a service. */
export const LOG_LINES = 40;
/** Delays between the ends and the starts of a service. */
export const RESTART = { firstMs: 500, longestMs: 30_000, steadyMs: 60_000 };
const LINES = 20;
const LINE_LENGTH = 300;
const SIGNAL = /^SIG[A-Z0-9]+$/;

export class ProcessEnded extends Error {
  constructor(
    readonly exitCode: number | undefined,
    readonly reason: string | undefined,
  ) {
    const why = reason === undefined ? '' : ` (${reason})`;
    super(exitCode === undefined ? `ended by ${reason ?? 'the system'}` : `exit code ${exitCode}${why}`);
  }
}

/** Why a service failed, and the end of its log, in which its secrets are masked already. */
export function failureOf(
  error: unknown,
  lines: readonly string[],
  mask: SecretMask,
): NonNullable<ServiceReport['failure']> {
  const { exitCode, reason } = error instanceof ProcessEnded ? error : {};
  return {
    reason: mask.hide(errorText(error)),
    ...(exitCode !== undefined && { exit_code: exitCode }),
    ...(reason !== undefined && SIGNAL.test(reason) && { signal: reason }),
    log_lines: lastLines(lines, LINES),
  };
}

/** The last lines of a log, shortened. */
export const lastLines = (lines: readonly string[], count: number): string[] =>
  lines.slice(-count).map(shortened);

const shortened = (line: string): string =>
  line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line;
