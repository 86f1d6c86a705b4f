import type { RunProgress, RunStep } from '../../contract/index.js';
import { type Command, LogTail, onLines, type ProcessEnd, type ProcessGroups } from '../processes/index.js';
import { progressOf } from './progress-line.js';
import { asText, resolve, resolveTexts } from './references.js';
import { RunFailure } from './run-failure.js';
import type { RunFolder } from './run-folder.js';

type ProcessStep = Exclude<RunStep, { kind: 'http' }>;

/** What a step needs of its run. */
export interface StepSurroundings {
  readonly groups: ProcessGroups;
  readonly folder: RunFolder;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** What every process of the run has in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly progress: (progress: RunProgress) => void;
  readonly signal: AbortSignal;
}

/** Runs the process of a step. When it returns or throws, no member of the process's group is left. */
export async function runProcess(step: ProcessStep, surroundings: StepSurroundings): Promise<void> {
  const { groups, signal, progress } = surroundings;
  const command = await commandOf(step, surroundings);
  signal.throwIfAborted();
  const group = groups.start(command);
  const stop = (): void => void group.end();
  signal.addEventListener('abort', stop, { once: true });
  const tail = new LogTail();
  for (const stream of group.streams) {
    onLines(stream, (line) => {
      const report = progressOf(line, step.name);
      if (report) progress(report);
      else tail.add(line);
    });
  }
  const end = await group.exited;
  await group.end();
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (end.exitCode !== 0) throw new RunFailure(tail.after(sentence(step, end)));
}

async function commandOf(
  step: ProcessStep,
  { folder, parameters, environment }: StepSurroundings,
): Promise<Command> {
  const words = step.arguments.map((argument) => asText(resolve(argument, parameters)));
  const own = resolveTexts(step.environment, parameters);
  const isShell = step.kind === 'shell';
  return {
    program: isShell ? '/bin/sh' : process.execPath,
    // To a shell the arguments are $1 and so on: data, never part of the command.
    arguments: isShell
      ? ['-c', step.command, 'sh', ...words]
      : [await folder.write('script.mjs', step.code), ...words],
    folder: folder.path,
    environment: { ...environment, ...own },
  };
}

function sentence({ name }: ProcessStep, { exitCode, reason }: ProcessEnd): string {
  return exitCode === undefined
    ? `Step ${name} was ended by ${reason ?? 'the system'}.`
    : `Step ${name} ended with exit code ${exitCode}.`;
}
