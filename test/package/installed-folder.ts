import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { packagePaths } from '../../src/config/index.js';
import { inherited } from '../support/command-line.js';

const run = promisify(execFile);

interface Manifest {
  readonly name?: string;
  readonly version: string;
  readonly dev?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const { packages } = readJson(join(packagePaths.root, 'package-lock.json')) as {
  packages: Record<string, Manifest>;
};

/** A package that is installed from a file. */
export interface Packed {
  readonly file: string;
  readonly manifest: Manifest;
}

/** npm's own settings stay as they are, since what it does not find in its cache it looks for at its registry. */
function environmentOfNpm(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) =>
    /^(npm_config_(cache|registry|cafile|userconfig)|node_extra_ca_certs|https?_proxy|no_proxy)$/i.test(name),
  );
  return { ...inherited(), HOME: homedir(), ...Object.fromEntries(own) };
}

/** What `npm pack` makes of a folder. */
export async function packed(folder: string, into: string): Promise<Packed & { files: string[] }> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', into];
  const { stdout } = await run('npm', args, { cwd: folder, env: environmentOfNpm() });
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  const manifest = readJson(join(folder, 'package.json')) as Manifest;
  return { file: join(into, filename), manifest, files: files.map(({ path }) => path) };
}

/**
 * Entries of the lock file of this repository. They have an address, so that npm finds them in its cache by their
 * integrity, without asking the registry for their addresses.
 */
function locked(development: readonly string[]): Record<string, Manifest> {
  const entries = Object.entries(packages).filter(
    ([path, { dev }]) => path !== '' && (!dev || development.includes(path.replace('node_modules/', ''))),
  );
  return Object.fromEntries(
    entries.map(([path, entry]) => {
      const name = entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const file = `${name.slice(name.indexOf('/') + 1)}-${entry.version}.tgz`;
      return [path, { ...entry, resolved: `https://registry.npmjs.org/${name}/-/${file}` }];
    }),
  );
}

/**
 * A folder in which a package is installed from a file, as users do it. A lock file has npm take everything else from its
 * cache, where the installation of this repository has put it.
 */
export class InstalledFolder implements AsyncDisposable {
  readonly path = mkdtempSync(join(tmpdir(), 'cyberun-package-'));

  /** @param development packages of this repository beside those that the product needs. */
  async install({ file, manifest }: Packed, development: readonly string[] = []): Promise<void> {
    const { name = '', version, dependencies, optionalDependencies, bin } = manifest;
    const also = development.map((other) => [other, packages[`node_modules/${other}`]?.version]);
    const root = { version, dependencies: { [name]: `file:${file}`, ...Object.fromEntries(also) } };
    const installed = { version, resolved: `file:${file}`, dependencies, optionalDependencies, bin };
    const lock = {
      lockfileVersion: 3,
      packages: { '': root, [`node_modules/${name}`]: installed, ...locked(development) },
    };
    writeFileSync(join(this.path, 'package.json'), JSON.stringify(root));
    writeFileSync(join(this.path, 'package-lock.json'), JSON.stringify(lock));
    const quickly = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
    await this.run('npm', ['ci', '--omit=optional', ...quickly]);
  }

  async run(command: string, args: readonly string[]): Promise<string> {
    const { stdout } = await run(command, args, { cwd: this.path, env: environmentOfNpm() });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
