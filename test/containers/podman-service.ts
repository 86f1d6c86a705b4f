import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ContainerOptions } from '../../src/agent/containers/container-engine.js';
import { until } from '../support/processes.js';

const BUSYBOX = '/bin/busybox';
/** Debian's busybox and nothing else. */
export const IMAGE = 'docker.io/tests/busybox:1';

/** Podman behind its Docker-compatible socket, with images and containers of its own. */
export class PodmanService implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  /** @param registries that it may reach without TLS, by host and port. */
  static async start(registries: readonly string[] = []): Promise<PodmanService> {
    const folder = mkdtempSync(join(tmpdir(), 'cyberun-podman-'));
    const lines = registries.map((host) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
    writeFileSync(join(folder, 'registries.conf'), lines.join(''));
    importImage(folder);
    const socket = join(folder, 'podman.sock');
    const child = spawn('podman', [...storage(folder), 'system', 'service', '--time=0', `unix://${socket}`], {
      stdio: 'ignore',
      env: { ...process.env, CONTAINERS_REGISTRIES_CONF: join(folder, 'registries.conf') },
    });
    const service = new PodmanService(folder, child);
    await until(async () => existsSync(socket));
    return service;
  }

  get options(): ContainerOptions {
    return { socket: join(this.folder, 'podman.sock'), volumes: [], capabilities: [] };
  }

  /** Ids of all containers, running or not. */
  containers(...filters: string[]): string[] {
    const wanted = filters.flatMap((filter) => ['--filter', filter]);
    return this.podman('ps', '--all', '--quiet', '--no-trunc', ...wanted)
      .split('\n')
      .filter(Boolean);
  }

  /** Writes {@link IMAGE} to a folder in the layout of OCI. */
  saveImage(folder: string): void {
    this.podman('save', '--quiet', '--format=oci-dir', `--output=${folder}`, IMAGE);
  }

  podman(...args: string[]): string {
    return execFileSync('podman', [...storage(this.folder), ...args], {
      encoding: 'utf8',
      env: { ...process.env, CONTAINERS_REGISTRIES_CONF: join(this.folder, 'registries.conf') },
    }).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.child, 'exit');
    if (this.child.exitCode === null && this.child.kill()) await ended;
    spawnSync('podman', [...storage(this.folder), 'rm', '--all', '--force']);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** runc, because crun does not start where the machine mixes both generations of control groups. */
const storage = (folder: string): string[] => [
  `--root=${join(folder, 'root')}`,
  `--runroot=${join(folder, 'run')}`,
  `--storage-driver=${DRIVER}`,
  '--runtime=runc',
  '--cgroup-manager=cgroupfs',
];

const DRIVER = driver();

/** Overlay where the file system can; vfs, which copies everything, where it cannot. */
function driver(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-driver-'));
  const { status, error } = spawnSync('podman', [
    `--root=${join(folder, 'root')}`,
    `--runroot=${join(folder, 'run')}`,
    '--storage-driver=overlay',
    'info',
  ]);
  rmSync(folder, { recursive: true, force: true });
  if (error || !existsSync(BUSYBOX))
    throw new Error('Podman and busybox-static are needed here; scripts/ci-machine.sh installs them.');
  return status === 0 ? 'overlay' : 'vfs';
}

function importImage(folder: string): void {
  const root = join(folder, 'image');
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'tmp'), { mode: 0o1777 });
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
  for (const name of execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).trim().split('\n'))
    if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
  const archive = join(folder, 'image.tar');
  execFileSync('tar', ['--create', '--file', archive, '--directory', root, '.']);
  execFileSync('podman', [...storage(folder), 'import', '--quiet', archive, IMAGE]);
  rmSync(root, { recursive: true });
  rmSync(archive);
}
