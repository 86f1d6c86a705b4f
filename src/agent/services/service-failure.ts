import type { ServiceReport } from '../../contract/index.js';
import type { SecretMask } from '../processes/secret-mask.js';

const LINES = 20;
const LINE_LENGTH = 300;

export class ProcessEnded extends Error {
  constructor(
    readonly exitCode: number | undefined,
    reason: string | undefined,
  ) {
    super(exitCode === undefined ? `ended by ${reason ?? 'the system'}` : `exit code ${exitCode}`);
  }
}

/** Why a service failed, and the end of its log, in which its secrets are masked already. */
export function failureOf(
  error: unknown,
  lines: readonly string[],
  mask: SecretMask,
): NonNullable<ServiceReport['failure']> {
  const exitCode = error instanceof ProcessEnded ? error.exitCode : undefined;
  return {
    reason: mask.hide(error instanceof Error ? error.message : String(error)),
    ...(exitCode !== undefined && { exit_code: exitCode }),
    log_lines: lines.slice(-LINES).map(shortened),
  };
}

const shortened = (line: string): string =>
  line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line;
