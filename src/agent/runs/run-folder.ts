import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The folder of one run; everything in it is gone afterwards. */
export class RunFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async create(workDir: string): Promise<RunFolder> {
    const runs = join(workDir, 'runs');
    await mkdir(runs, { recursive: true, mode: 0o700 });
    const folder = new RunFolder(await mkdtemp(join(runs, 'run-')));
    await Promise.all([folder.input, folder.output, folder.temporary].map((path) => mkdir(path)));
    return folder;
  }

  /** Removes the folders of runs that nobody finished. */
  static removeAll(workDir: string): Promise<void> {
    return rm(join(workDir, 'runs'), { recursive: true, force: true, maxRetries: 3 });
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
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
  }
}
