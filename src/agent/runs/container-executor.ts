import { ContainerFailure } from '../containers/container-failure.js';
import type { ContainerEngine } from '../containers/container-engine.js';
import type { Execution } from '../execution.js';
import type { ContainerStep, Executor, StepContext } from './executor.js';
import { valuesOf } from './program-values.js';
import { RunFailure } from './run-result.js';

/** Starts steps as containers. The folder of the run has the same path inside, so that the paths of parameters count there. */
export class ContainerExecutor implements Executor<ContainerStep> {
  /** @param engine `undefined`: this agent has none. */
  constructor(private readonly engine: ContainerEngine | undefined) {}

  async start(step: ContainerStep, context: StepContext): Promise<Execution> {
    const { engine } = this;
    if (!engine) throw cannotStart(step, 'this agent has no container engine');
    const { folder, environment, log, signal } = context;
    const { words, variables } = valuesOf(step, context.parameters);
    // PATH is that of the image.
    const { PATH: _path, ...inherited } = environment;
    try {
      return await engine.start({
        ...programOf(step, words),
        spec: step.container,
        environment: { ...inherited, ...variables },
        folder: folder.path,
        user: 'agent',
        volumes: foldersOf(context),
        labels: labelsOf(environment),
        log: (line) => log.add(step.name, 'system', line),
        signal,
      });
    } catch (error) {
      if (error instanceof ContainerFailure) throw cannotStart(step, error.message);
      throw error;
    }
  }
}

const cannotStart = ({ name }: ContainerStep, why: string): RunFailure =>
  new RunFailure(`Step ${name} cannot start: ${why}.`);

/** The command as in a shell step: the arguments are $1 and so on, and a command that fails ends the script. */
function programOf({ command }: ContainerStep, words: readonly string[]) {
  if (command === undefined) return { arguments: words };
  return { program: ['/bin/sh'], arguments: ['-e', '-c', command, 'sh', ...words] };
}

/** The folder of the run, and the files beside the definition. */
function foldersOf({ folder, environment }: StepContext) {
  const { CYBERUN_WORKFLOW_DIR: files } = environment;
  const mounted = (path: string, read_only: boolean) => ({
    host_path: path,
    container_path: path,
    read_only,
  });
  return [mounted(folder.path, false), ...(files === undefined ? [] : [mounted(files, true)])];
}

const labelsOf = ({
  CYBERUN_TASK_ID,
  CYBERUN_ATTEMPT,
}: StepContext['environment']): Record<string, string> => ({
  'cyberun.task': CYBERUN_TASK_ID ?? '',
  'cyberun.attempt': CYBERUN_ATTEMPT ?? '',
});
