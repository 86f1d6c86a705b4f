import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { create } from 'tar';

import type { BundleRef } from '../../contract/index.js';

/** A packed bundle: its reference and its bytes. */
export interface Bundle extends BundleRef {
  readonly archive: Buffer;
}

export interface BundleLimits {
  readonly files: number;
  readonly bytes: number;
}

/** Bundles are kept in the database and sent whole; what is larger belongs on the agent's machine. */
export const BUNDLE_LIMITS: BundleLimits = { files: 2000, bytes: 32 * 1024 * 1024 };

/** Entries of a Kubernetes volume that link to the current version of its files, and version control. */
const LEFT_OUT = /^(\.\..*|\.git)$/;

/** A bundle that cannot be made; the message says what the author of the definition can do. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
}

/**
 * Packs the named files and folders of a folder, names of the definition's own choice; a name that is not there is
 * left out. The same files give the same hash: times and owners are not packed, modes are.
 *
 * @returns `undefined` when none of the names is there.
 * @throws {BundleError} when the files exceed a limit or cannot be read.
 */
export async function packBundle(
  folder: string,
  names: readonly string[],
  limits: BundleLimits = BUNDLE_LIMITS,
): Promise<Bundle | undefined> {
  const collected = new Collector(folder, limits);
  for (const name of [...new Set(names)].sort()) await collected.add(name, new Set());
  if (collected.paths.length === 0) return undefined;
  const archive = await pack(folder, collected.paths);
  return { hash: createHash('sha256').update(archive).digest('hex'), size: archive.length, archive };
}

class Collector {
  readonly paths: string[] = [];
  private bytes = 0;

  constructor(
    private readonly folder: string,
    private readonly limits: BundleLimits,
  ) {}

  /** @param above real paths of the folders that lead here: a link back to one of them is not followed. */
  async add(path: string, above: ReadonlySet<string>): Promise<void> {
    const place = join(this.folder, path);
    const facts = await stat(place).catch(() => undefined);
    if (facts?.isFile()) this.count(path, facts.size);
    if (!facts?.isDirectory()) return;
    const real = await realpath(place);
    if (above.has(real)) return;
    const entries = await readdir(place).catch((error: Error) => {
      throw new BundleError(`the folder ${path} beside the definition cannot be read: ${error.message}`);
    });
    for (const entry of entries.filter((name) => !LEFT_OUT.test(name)).sort()) {
      await this.add(`${path}/${entry}`, new Set([...above, real]));
    }
  }

  private count(path: string, size: number): void {
    this.bytes += size;
    this.paths.push(path);
    const { files, bytes } = this.limits;
    if (this.paths.length <= files && this.bytes <= bytes) return;
    throw new BundleError(
      `the files beside the definition exceed ${files} files or ${bytes / 1024 / 1024} MiB at ${path}. Remove what is not needed, or put large files on the agent's machine and name them by absolute path`,
    );
  }
}

async function pack(folder: string, paths: readonly string[]): Promise<Buffer> {
  const options = { cwd: folder, portable: true, follow: true, noDirRecurse: true, mtime: new Date(0) };
  try {
    return await buffer(create(options, [...paths]));
  } catch (error) {
    throw new BundleError(`the files beside the definition cannot be read: ${(error as Error).message}`);
  }
}
