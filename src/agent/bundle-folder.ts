import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

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

  async has(hash: string): Promise<boolean> {
    return (await stat(this.pathOf(hash)).catch(() => undefined)) !== undefined;
  }

  /** @throws when there is no such bundle. */
  async markUsed(hash: string): Promise<void> {
    const now = new Date();
    await utimes(this.pathOf(hash), now, now);
  }

  /** Removes those that were not used for the longest time. */
  async prune(isRemovable: (name: string) => boolean = () => true): Promise<void> {
    const names = (await readdir(this.path)).filter(isRemovable);
    const known = await Promise.all(
      names.map(async (name) => ({ name, used: (await stat(this.pathOf(name))).mtimeMs })),
    );
    const surplus = known.sort((one, other) => other.used - one.used).slice(this.most);
    for (const { name } of surplus) await rm(this.pathOf(name), { recursive: true, force: true });
  }
}
