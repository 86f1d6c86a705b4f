import { chmodSync, cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';

import { podman, run, tryPodman } from './tool.js';

const BASE = 'docker.io/library/node:24-bookworm-slim';

/**
 * Sees to the image that the Dockerfile starts from: the one from an earlier run, the real one where a registry can be
 * reached, else a stand-in of the same name from the same Debian release, with this machine's Node 24 and npm.
 */
export function ensureBaseImage(): string {
  if (tryPodman(['image', 'exists', BASE]).status === 0) return 'from an earlier run';
  if (tryPodman(['pull', '--quiet', BASE]).status === 0) return 'from its registry';
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-base-'));
  try {
    fill(folder);
    const archive = `${folder}.tar`;
    run('tar', ['--create', '--file', archive, '--directory', folder, '.']);
    podman(['import', '--quiet', archive, BASE]);
    rmSync(archive);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return 'a stand-in, because its registry cannot be reached';
}

/** What the official image has of what the Dockerfile relies on: Debian, Node, npm, and the user 1000. */
function fill(root: string): void {
  const mirror = 'http://deb.debian.org/debian';
  run('debootstrap', ['--variant=minbase', '--include=libstdc++6,libatomic1', 'bookworm', root, mirror]);
  for (const useless of ['var/cache/apt/archives', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']) {
    rmSync(join(root, useless), { recursive: true, force: true });
  }
  run('mkdir', ['--parents', join(root, 'var/cache/apt/archives/partial')]);
  chmodSync(root, 0o755); // made for this user alone, but it becomes the container's /
  const node = join(packagePaths.root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  cpSync(node, join(root, 'usr/local/bin/node'));
  cpSync(npmFolder(), join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  run('chroot', [root, 'groupadd', '--gid', '1000', 'node']);
  run('chroot', [root, 'useradd', '--uid', '1000', '--gid', 'node', '--create-home', 'node']);
}

const npmFolder = (): string => dirname(dirname(realpathSync(run('/bin/sh', ['-c', 'command -v npm']))));
