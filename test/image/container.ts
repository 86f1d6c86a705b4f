import { randomUUID } from 'node:crypto';

import { type Outcome, podman, tryPodman } from './tool.js';

export interface ContainerOptions {
  readonly image: string;
  /** Name of the volume at /data; a new one by default. */
  readonly volume?: string;
  /** Replaces the entry point, so that this program is process 1. */
  readonly entrypoint?: string;
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** All the memory it may take. */
  readonly memory?: string;
  /** Folder of this machine with workflow definitions, in place of the samples. */
  readonly workflows?: string;
}

/** Not root, no capabilities, nothing to write to but the volumes the image declares, and no network. */
const CONFINED = [
  '--read-only',
  '--read-only-tmpfs=false',
  '--cap-drop=all',
  '--security-opt=no-new-privileges',
  '--network=none',
  // A machine may allow less than podman asks for by default.
  '--ulimit=nofile=4096:4096',
  '--ulimit=nproc=4096:4096',
];

/** A container of the image, started as confined as the chart does it. */
export class Container implements Disposable {
  private constructor(readonly name: string) {}

  static start({
    image,
    volume,
    entrypoint,
    command = [],
    env = {},
    memory,
    workflows,
  }: ContainerOptions): Container {
    const name = `cyberun-${randomUUID()}`;
    const variables = { ...env, ...(workflows && { CYBERUN_WORKFLOWS_DIR: '/etc/workflows' }) };
    const options = [
      ...CONFINED,
      ...(volume ? [`--volume=${volume}:/data`] : []),
      ...(memory ? [`--memory=${memory}`] : []),
      ...(workflows ? [`--volume=${workflows}:/etc/workflows:ro`] : []),
      ...Object.entries(variables).map(([key, value]) => `--env=${key}=${value}`),
      ...(entrypoint ? [`--entrypoint=${entrypoint}`] : []),
    ];
    podman(['run', '--detach', `--name=${name}`, ...options, image, ...command]);
    return new Container(name);
  }

  /** Kills process 1 as `kill -9` does, and starts the container again. */
  killAndRestart(): void {
    podman(['kill', '--signal', 'KILL', this.name]);
    podman(['wait', this.name]);
    podman(['start', this.name]);
  }

  /** Asks process 1 to end, and says with which code it did; 137 would mean that it had to be killed. */
  stop(): number {
    podman(['stop', '--time', '20', this.name]);
    return Number(podman(['inspect', '--format', '{{.State.ExitCode}}', this.name]));
  }

  /** Runs a program inside; gives what it printed. */
  exec(...command: string[]): string {
    return podman(['exec', this.name, ...command]);
  }

  /** Runs a program inside that may fail. */
  attempt(...command: string[]): Outcome {
    return tryPodman(['exec', this.name, ...command]);
  }

  /** Runs an async function inside, with what it needs as its one argument; gives what it returned. */
  evaluate<Input, Output>(inside: (input: Input) => Promise<Output>, input: Input): Output {
    const script = `console.log(JSON.stringify(await (${inside.toString()})(${JSON.stringify(input)})))`;
    const output = podman(['exec', '--interactive', this.name, 'node', '--input-type=module', '-'], script);
    return JSON.parse(output) as Output;
  }

  get log(): string {
    return podman(['logs', this.name]);
  }

  /** Kills what runs and throws away what is left of it, other than a named volume. */
  [Symbol.dispose](): void {
    podman(['rm', '--force', '--time', '0', '--volumes', this.name]);
  }
}
