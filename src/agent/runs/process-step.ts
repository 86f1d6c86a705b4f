import type { RunProgress } from '../../contract/index.js';
import {
  LogTail,
  onLines,
  type ProcessEnd,
  type ProcessGroup,
  type ProcessGroups,
} from '../processes/index.js';
import { progressOf } from './progress-line.js';
import { RunFailure } from './run-failure.js';
import { commandOf, type CommandSources, type ProcessStep, tooMuch } from './step-command.js';

/** What a step needs of its run. */
export interface StepSurroundings extends CommandSources {
  readonly groups: ProcessGroups;
  readonly progress: (progress: RunProgress) => void;
  /** The log of the whole run. */
  readonly log: LogTail;
  readonly signal: AbortSignal;
}

/** Runs the process of a step. When it returns or throws, no member of the process's group is left. */
export async function runProcess(step: ProcessStep, surroundings: StepSurroundings): Promise<void> {
  const { signal } = surroundings;
  const command = await commandOf(step, surroundings);
  signal.throwIfAborted();
  const group = started(step, () => surroundings.groups.start(command), surroundings);
  const stop = (): void => void group.end();
  signal.addEventListener('abort', stop, { once: true });
  const tail = listen(group, step, surroundings);
  const end = await group.exited;
  await group.end();
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (end.exitCode !== 0) throw new RunFailure(tail.after(sentence(step, end)));
}

function started(step: ProcessStep, start: () => ProcessGroup, sources: CommandSources): ProcessGroup {
  try {
    return start();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'E2BIG') throw tooMuch(step, sources);
    throw error;
  }
}

/** Passes on progress and keeps the log. Returns the part of it that is this step's own. */
function listen(
  group: ProcessGroup,
  { name }: ProcessStep,
  { progress, log }: Pick<StepSurroundings, 'progress' | 'log'>,
): LogTail {
  const tail = new LogTail();
  const isProgress = (text: string): boolean => {
    const report = progressOf(text, name);
    if (report) progress(report);
    return report !== undefined;
  };
  const line = (text: string): void => {
    if (isProgress(text)) return;
    tail.add(text);
    log.add(text);
  };
  for (const stream of group.streams) onLines(stream, { line, overwritten: isProgress });
  return tail;
}

function sentence(step: ProcessStep, { exitCode, reason }: ProcessEnd): string {
  if (exitCode === undefined) return `Step ${step.name} was ended by ${reason ?? 'the system'}.`;
  // What a shell answers when there is no such program.
  const mayBeMissing = exitCode === 127 && step.kind === 'script' && step.language === 'python';
  const hint = mayBeMissing
    ? ' If its agent has no python3 on the PATH, install it there, or use language: js.'
    : '';
  return `Step ${step.name} ended with exit code ${exitCode}.${hint}`;
}
