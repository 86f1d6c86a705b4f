import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { packagePaths } from '../../../src/config/index.js';
import { inherited } from '../command-line.js';
import { FLAGS } from '../setup.js';

/** As in the specification of a pod. */
export interface ContainerSpec {
  readonly name: string;
  readonly image?: string;
  readonly command?: string[];
  readonly args?: string[];
  readonly env: { name: string; value?: string; valueFrom?: { secretKeyRef: { key: string } } }[];
  readonly workingDir?: string;
  readonly volumeMounts: { name: string; mountPath: string; subPath?: string }[];
}

interface ContainerPlace {
  /** Has a folder for each volume. */
  readonly folder: string;
  readonly secret: Readonly<Record<string, string>>;
}

/** What an image runs that is given no command: that of a service Node.js, that of a step this. */
const programOf = ({ image = '' }: ContainerSpec): string =>
  image.includes('/node:') ? process.execPath : '/bin/echo';
/** Containers with other images than ours. */
const OTHERS: ReadonlySet<string> = new Set(['main', 'service']);

/** The log of a container, with times, as a node keeps it. */
export class ContainerLog {
  private readonly lines: string[] = [];
  private readonly changes = new EventEmitter<{ line: [string]; end: [] }>().setMaxListeners(0);
  private isEnded = false;

  add(line: string): void {
    const time = new Date().toISOString().replace('Z', `${String(this.lines.length).padStart(6, '0')}Z`);
    this.lines.push(`${time} ${line}\n`);
    this.changes.emit('line', this.lines.at(-1) ?? '');
  }

  /** The last lines, without their times. */
  tail(count: number): string {
    return this.lines
      .slice(-count)
      .map((line) => line.slice(line.indexOf(' ') + 1))
      .join('');
  }

  end(): void {
    this.isEnded = true;
    this.changes.emit('end');
  }

  /** @param since beginning of the first second that is wanted. */
  follow(since: string, write: (line: string) => void, ended: () => void): void {
    for (const line of this.lines) if (line.slice(0, 19) >= since.slice(0, 19)) write(line);
    if (this.isEnded) return ended();
    this.changes.on('line', write);
    this.changes.once('end', ended);
  }
}

/** A container of a pod: a process of this machine, our image is the program of the sources. */
export class ContainerProcess {
  /** Of the image of a step. */
  readonly log = new ContainerLog();
  /** The exit code, once it has ended. */
  readonly ended: Promise<number>;
  /** The end of what it has written to stderr. */
  errors = '';
  private readonly child: ChildProcess;
  private readonly isAgent: boolean;

  private constructor(spec: ContainerSpec, place: ContainerPlace) {
    this.isAgent = !OTHERS.has(spec.name);
    this.child = this.isAgent ? startAgent(spec, place) : startMain(spec, place);
    this.ended = this.follow();
  }

  static async start(spec: ContainerSpec, place: ContainerPlace): Promise<ContainerProcess> {
    for (const { name } of spec.volumeMounts) await mkdir(join(place.folder, name), { recursive: true });
    return new ContainerProcess(spec, place);
  }

  /** An agent ends its own processes. */
  kill(signal: NodeJS.Signals): void {
    if (this.isAgent) this.child.kill(signal);
    else killGroup(this.child, signal);
  }

  private async follow(): Promise<number> {
    const { stdout, stderr } = this.child;
    for (const stream of [stdout, stderr])
      if (stream && !this.isAgent) createInterface(stream).on('line', (line) => this.log.add(line));
    if (this.isAgent) stderr?.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    const closed = once(this.child, 'close');
    const [code] = (await once(this.child, 'exit')) as [number | null];
    // With its first process a container ends.
    if (!this.isAgent) killGroup(this.child, 'SIGKILL');
    await closed;
    this.log.end();
    return code ?? 137;
  }
}

function startAgent({ args = [], env, volumeMounts }: ContainerSpec, place: ContainerPlace): ChildProcess {
  const mapped = args.map((arg) => placed(arg, volumeMounts, place));
  return spawn(process.execPath, [...FLAGS, packagePaths.entry, ...mapped], {
    env: { ...inherited(), ...environmentOf(env, volumeMounts, place), CYBERUN_LOGGER_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: place.folder,
  });
}

function startMain(spec: ContainerSpec, place: ContainerPlace): ChildProcess {
  const { command = [programOf(spec)], args = [], env, volumeMounts, workingDir = '/' } = spec;
  const variables = environmentOf(env, volumeMounts, place);
  const [program = '', ...words] = [...command, ...args].map((word) =>
    word.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => variables[name] ?? whole),
  );
  // A node keeps one log for both streams.
  return spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', program, ...words], {
    env: { PATH: process.env['PATH'] ?? '', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: placed(workingDir, volumeMounts, place),
    detached: true,
  });
}

function environmentOf(
  env: ContainerSpec['env'],
  mounts: ContainerSpec['volumeMounts'],
  place: ContainerPlace,
): Record<string, string> {
  const valueOf = ({ value, valueFrom }: ContainerSpec['env'][number]): string =>
    value ?? place.secret[valueFrom?.secretKeyRef.key ?? ''] ?? '';
  return Object.fromEntries(env.map((one) => [one.name, placed(valueOf(one), mounts, place)]));
}

/** A path in a volume as it is on this machine. */
function placed(value: string, mounts: ContainerSpec['volumeMounts'], { folder }: ContainerPlace): string {
  const mount = mounts.find(({ mountPath }) => value === mountPath || value.startsWith(`${mountPath}/`));
  return mount ? join(folder, mount.name, mount.subPath ?? '', value.slice(mount.mountPath.length)) : value;
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
