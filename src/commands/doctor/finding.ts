import { StartError } from '../../config/index.js';
import { CommandError } from '../client/command-error.js';

/** What was seen of one thing that a server needs. */
export interface Finding {
  /** What was looked at, as in `data folder`. */
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly seen: string;
  /** What to do about it; of every finding that is not ok. */
  readonly remedy?: string;
}

export const passed = (check: string, seen: string): Finding => ({ check, status: 'ok', seen });

export const warned = (check: string, seen: string, remedy: string): Finding => ({
  check,
  status: 'warning',
  seen,
  remedy,
});

export const broken = (check: string, seen: string, remedy: string): Finding => ({
  check,
  status: 'failed',
  seen,
  remedy,
});

/** Errors for an operator have a sentence about the problem, and then what to do. */
const SENTENCE_END = /(?<=[.!?]) (?=[A-Z])/;

/** A finding from the error with which a start, or a command, would end. */
export function failedBy(check: string, error: unknown): Finding {
  if (!(error instanceof StartError) && !(error instanceof CommandError))
    return broken(
      check,
      `This could not be looked at (${error instanceof Error ? error.message : String(error)}).`,
      'This is a defect of cyberun-mcp: report it with this line.',
    );
  const [seen = '', ...rest] = error.message.split(SENTENCE_END);
  return broken(check, seen, rest.join(' ') || 'Correct it, and run doctor again.');
}

/** Something that is looked at; it may give several findings. */
export interface Check {
  readonly name: string;
  /** How long it may take. */
  readonly limitMs?: number;
  readonly look: () => Promise<Finding | readonly Finding[]>;
}

/** Each wait for an answer has a shorter limit of its own, which says more. */
const LIMIT_MS = 20_000;

/** Looks, and turns errors and the end of the time into findings. */
export async function findingsOf({ name, limitMs = LIMIT_MS, look }: Check): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    const seen = `There was no answer within ${limitMs / 1000} s.`;
    const remedy =
      'Look whether what it asks, or this machine, is stopped or overloaded; then run doctor again.';
    timer = setTimeout(() => resolve(broken(name, seen, remedy)), limitMs);
  });
  try {
    return [await Promise.race([look(), late])].flat();
  } catch (error) {
    return [failedBy(name, error)];
  } finally {
    clearTimeout(timer);
  }
}
