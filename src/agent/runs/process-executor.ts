import type { Execution } from '../execution.js';
import type { Command, ProcessGroups } from '../processes/process-groups.js';
import type { Executor, ProcessStep, StepContext } from './executor.js';
import { argumentsTooLarge, valuesOf } from './program-values.js';
import type { RunFolder } from './run-folder.js';

/** Starts steps as processes of this machine, each in a process group of its own. */
export class ProcessExecutor implements Executor<ProcessStep> {
  constructor(private readonly groups: ProcessGroups) {}

  async start(step: ProcessStep, context: StepContext): Promise<Execution> {
    const command = await commandOf(step, context);
    context.signal.throwIfAborted();
    try {
      return this.groups.start(command);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'E2BIG')
        throw argumentsTooLarge(step, context.parameters);
      throw error;
    }
  }
}

async function commandOf(
  step: ProcessStep,
  { folder, parameters, environment }: StepContext,
): Promise<Command> {
  const { words, variables } = valuesOf(step, parameters);
  return {
    ...(await programOf(step, words, folder)),
    folder: folder.path,
    environment: { ...environment, ...variables },
  };
}

async function programOf(
  step: ProcessStep,
  words: readonly string[],
  folder: RunFolder,
): Promise<Pick<Command, 'program' | 'arguments'>> {
  if (step.kind === 'shell') {
    // The arguments are $1 and so on: data, not part of the command. `-e` ends the script when a command fails.
    return { program: '/bin/sh', arguments: ['-e', '-c', step.command, 'sh', ...words] };
  }
  if (step.language === 'python') {
    return { program: 'python3', arguments: [await folder.write('script.py', step.code), ...words] };
  }
  return { program: process.execPath, arguments: [await folder.write('script.mjs', step.code), ...words] };
}
