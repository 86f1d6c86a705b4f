import { chmod, mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { removeTree } from './remove-tree.js';

/** The folder of one run; it is removed afterwards, see {@link removeTree}. */
export class RunFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async create(workDir: string): Promise<RunFolder> {
    const runs = join(workDir, 'runs');
    await mkdir(runs, { recursive: true, mode: 0o700 });
    // A run of the same user may have closed it.
    await chmod(runs, 0o700);
    const folder = new RunFolder(await mkdtemp(join(runs, 'run-')));
    await Promise.all([folder.input, folder.output, folder.temporary].map((path) => mkdir(path)));
    return folder;
  }

  /** Removes the folders of runs that an earlier agent did not finish, as far as they can be removed. */
  static async removeAll(workDir: string): Promise<void> {
    const runs = join(workDir, 'runs');
    const names = await readdir(runs).catch(() => []);
    await Promise.all(names.map((name) => removeTree(join(runs, name))));
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

  async write(file: string, text: string): Promise<string> {
    const path = join(this.path, file);
    await writeFile(path, text);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.path);
  }
}
