import { randomUUID } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

const HASH = /^[0-9a-f]{64}$/;
/** Beginning of the name of what has not arrived or is not unpacked yet. */
const INCOMING = '.incoming-';

const LONG_AGO = { mtimeMs: 0 };

/** The bundles (files of definitions) that an agent keeps, each under its hash: the most recently used ones. */
export class BundleFolder {
  /** @param most number of bundles that {@link prune} leaves. */
  constructor(
    readonly path: string,
    private readonly most: number,
  ) {}

  pathOf(hash: string): string {
    return join(this.path, hash);
  }

  /** Where a bundle is put together before it gets its name: two gateways may deliver the same one at the same time. */
  incomingPath(): string {
    return this.pathOf(`${INCOMING}${randomUUID()}`);
  }

  /** Removes what an earlier agent that was killed has not put together. */
  async removeIncoming(): Promise<void> {
    const names = await readdir(this.path).catch(() => []);
    for (const name of names.filter((one) => one.startsWith(INCOMING)))
      await rm(this.pathOf(name), { recursive: true, force: true });
  }

  async has(hash: string): Promise<boolean> {
    return (await stat(this.pathOf(hash)).catch(() => undefined)) !== undefined;
  }

  /** @throws when there is no such bundle. */
  async markUsed(hash: string): Promise<void> {
    const now = new Date();
    await utimes(this.pathOf(hash), now, now);
  }

  /** Removes those that were not used for the longest time. */
  async prune(isRemovable: (hash: string) => boolean = () => true): Promise<void> {
    const names = (await readdir(this.path)).filter((name) => HASH.test(name) && isRemovable(name));
    const known = await Promise.all(
      // Another call may have removed it meanwhile.
      names.map(async (name) => ({
        name,
        used: (await stat(this.pathOf(name)).catch(() => LONG_AGO)).mtimeMs,
      })),
    );
    const surplus = known.sort((one, other) => other.used - one.used).slice(this.most);
    for (const { name } of surplus) await rm(this.pathOf(name), { recursive: true, force: true });
  }
}
