import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, opendir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { Logger } from '@nestjs/common';

/** The folder of one run; removed when disposed, unless it is kept. */
export class RunFolder implements AsyncDisposable {
  private isKept = false;

  private constructor(readonly path: string) {}

  static async create(workDir: string): Promise<RunFolder> {
    const runs = join(workDir, 'runs');
    await mkdir(runs, { recursive: true, mode: 0o700 });
    // A run of the same user may have changed its permissions.
    await chmod(runs, 0o700);
    const folder = new RunFolder(await mkdtemp(join(runs, 'run-')));
    await folder.make();
    return folder;
  }

  /** A folder that others use, too; it is not removed. */
  static shared(path: string): RunFolder {
    const folder = new RunFolder(path);
    folder.keep();
    return folder;
  }

  /** A folder that an earlier agent left. */
  static at(workDir: string, name: string): RunFolder {
    return new RunFolder(join(workDir, 'runs', name));
  }

  static isAt(workDir: string, name: string): boolean {
    return existsSync(join(workDir, 'runs', name));
  }

  /** Removes the run folders that an earlier agent left, where possible. */
  static async removeAll(workDir: string, { except }: { readonly except: readonly string[] }): Promise<void> {
    const runs = join(workDir, 'runs');
    const names = await readdir(runs).catch(() => []);
    const surplus = names.filter((name) => !except.includes(name));
    await Promise.all(surplus.map((name) => removeTree(join(runs, name))));
  }

  get name(): string {
    return basename(this.path);
  }

  get input(): string {
    return join(this.path, 'input');
  }
  get output(): string {
    return join(this.path, 'output');
  }
  get temporary(): string {
    return join(this.path, 'tmp');
  }
  get parameters(): string {
    return join(this.path, 'parameters.json');
  }

  /** Makes the folders in it. */
  async make(): Promise<void> {
    const folders = [this.input, this.output, this.temporary];
    await Promise.all(folders.map((path) => mkdir(path, { recursive: true })));
  }

  async write(file: string, text: string): Promise<string> {
    const path = join(this.path, file);
    await writeFile(path, text);
    return path;
  }

  /** From now on only {@link remove} removes it, or the next agent. */
  keep(): void {
    this.isKept = true;
  }

  async remove(): Promise<void> {
    await removeTree(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isKept) await this.remove();
  }
}

const logger = new Logger('Agent');

/**
 * Removes a file or folder recursively. Read-only folders, such as Go's module cache, are made writable first. What
 * still cannot be removed is logged and left: neither a run nor the start of an agent depends on it.
 */
async function removeTree(path: string): Promise<void> {
  try {
    await remove(path).catch(async () => {
      await openFolders(path);
      await remove(path);
    });
  } catch (error) {
    const reason = (error as Error).message;
    logger.warn(`${path} cannot be removed, remove it by hand to free its space: ${reason}`);
  }
}

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 3 });

/** Gives the owner all permissions on the folder and the folders in it; links are not followed. */
async function openFolders(top: string): Promise<void> {
  const found = [top];
  for (let path = found.pop(); path !== undefined; path = found.pop()) {
    if (!(await lstat(path).catch(() => undefined))?.isDirectory()) continue;
    // Owned by another user: the removal reports what it cannot remove.
    await chmod(path, 0o700).catch(() => undefined);
    found.push(...(await foldersIn(path)));
  }
}

async function foldersIn(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(path))
      if (entry.isDirectory()) names.push(join(path, entry.name));
  } catch {
    // Unreadable: the removal reports it.
  }
  return names;
}
