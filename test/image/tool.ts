import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cyberun-mcp');

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a command to its end and says how it went. */
export function attempt(command: string, args: readonly string[], input?: string): Outcome {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  if (error)
    throw new Error(`${command} is needed here; scripts/ci-machine.sh installs it.`, { cause: error });
  return { status, output: status === 0 ? stdout : `${stdout}${stderr}` };
}

/** Runs a command that has to succeed; gives what it printed. */
export function run(command: string, args: readonly string[], input?: string): string {
  const { status, output } = attempt(command, args, input);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${output}`);
  return output.trim();
}

/** A sentence on a machine where these tests cannot run, instead of a failure far away from its cause. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0) {
    throw new Error('The image tests build and start containers as root: run them as root.');
  }
}

/** Images and containers of these tests, apart from those of the machine. */
const storage = (driver: string): string[] => [
  `--root=${join(CACHE, `containers-${driver}`)}`,
  `--runroot=/run/cyberun-mcp-${driver}`,
  `--storage-driver=${driver}`,
];

/** Overlay where the file system can; vfs, which copies everything, where it cannot. */
const STORAGE = storage(attempt('podman', [...storage('overlay'), 'info']).status === 0 ? 'overlay' : 'vfs');

/** Builds need no daemon and no privileges beyond those of this process. */
export const buildah = (args: readonly string[]): string => run('buildah', [...STORAGE, ...args]);

/** runc, because crun does not start where the machine mixes both generations of control groups. */
const podmanArguments = (args: readonly string[]): string[] => [
  ...STORAGE,
  '--runtime=runc',
  '--cgroup-manager=cgroupfs',
  ...args,
];

export const tryPodman = (args: readonly string[]): Outcome => attempt('podman', podmanArguments(args));
export const podman = (args: readonly string[], input?: string): string =>
  run('podman', podmanArguments(args), input);
