import type { Execution } from '../execution.js';
import type { Confinement } from '../processes/confinement.js';
import type { Command, ProcessGroups } from '../processes/process-groups.js';
import type { Executor, ProcessStep, StepContext } from './executor.js';
import { argumentsTooLarge, valuesOf } from './program-values.js';
import type { RunFolder } from './run-folder.js';

/** Starts steps as processes of this machine, each in a process group of its own. */
export class ProcessExecutor implements Executor<ProcessStep> {
  /** @param confinement `undefined`: processes have all rights of the agent's user. */
  constructor(
    private readonly groups: ProcessGroups,
    private readonly confinement?: Confinement,
  ) {}

  async start(step: ProcessStep, context: StepContext): Promise<Execution> {
    const command = this.confined(await commandOf(step, context), context);
    context.signal.throwIfAborted();
    try {
      return this.groups.start(command);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'E2BIG')
        throw argumentsTooLarge(step, context.parameters);
      throw error;
    }
  }

  private confined(command: Command, { folder, environment }: StepContext): Command {
    const { path, temporary } = folder;
    const files = environment['CYBERUN_WORKFLOW_DIR'];
    return this.confinement?.confine(command, { folder: path, temporary, files }) ?? command;
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
