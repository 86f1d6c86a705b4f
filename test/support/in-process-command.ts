import { vi } from 'vitest';

import { commandLine } from '../../src/command-line.js';

/** What a command has printed, and how it ended. */
export interface CommandOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs a command of the command line in this process, with these settings alone. */
export async function command(settings: Record<string, string>, ...args: string[]): Promise<CommandOutcome> {
  const text = { stdout: '', stderr: '' };
  const mask = process.umask();
  for (const stream of ['stdout', 'stderr'] as const)
    vi.spyOn(process[stream], 'write').mockImplementation((part) => (text[stream] += String(part)) !== '');
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  try {
    await commandLine().parseAsync(args, { from: 'user' });
    return { ...text, exitCode: Number(process.exitCode ?? 0) };
  } catch (error) {
    return { ...text, stderr: text.stderr + (error as Error).message, exitCode: 1 };
  } finally {
    process.exitCode = undefined;
    process.umask(mask);
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
}

/** The rows of the table that a command has printed, below its titles. */
export const rowsOf = ({ stdout }: CommandOutcome): string[] =>
  stdout
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.replaceAll(/ +/g, ' '));
