import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';

import { buildah, run } from './tool.js';

/** What this machine trusts, so that a registry behind its own certificate works inside as well. */
const CERTIFICATES = '/etc/ssl/certs';
const BUNDLE = `${CERTIFICATES}/ca-certificates.crt`;
const CACHE = '/var/cache/npm';

/** Builds the Dockerfile under this name. npm inside uses this machine's registry, certificates and cache. */
export function buildImage(name: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-npm-'));
  try {
    const npmrc = join(folder, 'npmrc');
    writeFileSync(npmrc, npmSettings());
    buildah([
      'bud',
      '--isolation',
      'chroot',
      '--pull-never',
      '--volume',
      `${npmrc}:/usr/local/etc/npmrc:ro`,
      '--volume',
      `${run('npm', ['config', 'get', 'cache'])}:${CACHE}`,
      ...(existsSync(CERTIFICATES) ? ['--volume', `${CERTIFICATES}:${CERTIFICATES}:ro`] : []),
      '--tag',
      name,
      packagePaths.root,
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function npmSettings(): string {
  const registry = run('npm', ['config', 'get', 'registry']);
  const settings = [`registry=${registry}`, `cache=${CACHE}`, 'prefer-offline=true'];
  return [...settings, ...(existsSync(BUNDLE) ? [`cafile=${BUNDLE}`] : []), ''].join('\n');
}
