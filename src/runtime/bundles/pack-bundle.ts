import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { create } from 'tar';

import type { BundleRef } from '../../contract/index.js';

export interface Bundle extends BundleRef {
  readonly archive: Buffer;
}

export interface BundleLimits {
  readonly files: number;
  readonly bytes: number;
}

/** Bundles are stored in the database and sent as a whole; larger files belong on the machine of the agent. */
export const BUNDLE_LIMITS: BundleLimits = { files: 2000, bytes: 32 * 1024 * 1024 };

/** Not packed: the internal links of Kubernetes volumes, and version control. */
const LEFT_OUT = /^(\.\..*|\.git)$/;

/** A bundle cannot be packed; the message is for the author of the definition. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
}

/**
 * Packs the named files and folders of a folder; names that do not exist are left out. The same files give the same
 * hash: modes are packed, times and owners are not.
 *
 * @returns `undefined` when none of the names exists.
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

  /** @param above real paths of the parent folders: a link to one of them is not followed. */
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
