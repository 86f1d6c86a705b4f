import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';

import { PYTHON_LABEL } from '../contract/index.js';
import { cleanEnvironment } from './clean-environment.js';

/** A Python that has not told its version by then is none. */
const ANSWER_LIMIT_MS = 10_000;

/** The labels that an agent was given, and those of what its machine has. */
export async function withOwnLabels(labels: readonly string[]): Promise<string[]> {
  const own = (await hasPython()) ? [PYTHON_LABEL] : [];
  return [...new Set([...labels, ...own])];
}

/** Whether the processes of a run find a Python that works. */
async function hasPython(): Promise<boolean> {
  try {
    // As a run has it: a version manager that needs the user's home finds none there.
    const env = cleanEnvironment(tmpdir(), tmpdir());
    await promisify(execFile)('python3', ['--version'], { env, timeout: ANSWER_LIMIT_MS });
    return true;
  } catch {
    return false;
  }
}
