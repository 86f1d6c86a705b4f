import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { packagePaths } from '../../src/config/index.js';

const run = promisify(execFile);
const ROOM = { maxBuffer: 64 * 1024 * 1024 };
const AUTHOR = ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false'];

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** A copy of the working tree, committed to a repository of its own, to change and throw away. */
export class TreeCopy implements AsyncDisposable {
  readonly root: string;

  private constructor(private readonly folder: string) {
    this.root = join(folder, 'tree');
  }

  static async make(): Promise<TreeCopy> {
    const copy = new TreeCopy(await mkdtemp(join(tmpdir(), 'cyberun-tree-')));
    const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const { stdout } = await run('git', listed, { cwd: packagePaths.root, ...ROOM });
    for (const file of stdout.split('\0').filter((name) => name !== '')) {
      // A file that was deleted and is not yet committed as such is listed and not there.
      await cp(join(packagePaths.root, file), join(copy.root, file), { force: true }).catch(() => undefined);
    }
    await symlink(join(packagePaths.root, 'node_modules'), join(copy.root, 'node_modules'));
    await copy.git('init', '--quiet');
    await copy.git('add', '--all');
    await copy.git(...AUTHOR, 'commit', '--quiet', '--message', 'as it is');
    return copy;
  }

  /** What `git status` would show, in order; the link to the packages is ours. */
  async status(): Promise<string[]> {
    const lines = (await this.git('status', '--porcelain')).split('\n');
    return lines.filter((line) => line !== '' && !line.endsWith('node_modules')).toSorted();
  }

  /** Runs the contract tests, as CI does or printing; returns the titles of those that failed. */
  async contractFailures({ isPrinting = false } = {}): Promise<string[]> {
    const vitest = join(packagePaths.root, 'node_modules/vitest/vitest.mjs');
    const file = join(this.folder, 'report.json');
    const args = [vitest, 'run', '--project', 'contract', '--reporter', 'json', '--outputFile', file];
    if (isPrinting) args.push('--update');
    const env = { PATH: process.env['PATH'], ...(!isPrinting && { CI: 'true' }) };
    await run(process.execPath, args, { cwd: this.root, env, ...ROOM }).catch(() => undefined);
    const report = JSON.parse(await readFile(file, 'utf8')) as Report;
    await rm(file);
    return report.testResults.flatMap(({ message, assertionResults }) => {
      if (assertionResults.length === 0) throw new Error(`a suite did not run: ${message}`);
      return assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private async git(...args: string[]): Promise<string> {
    const { stdout } = await run('git', args, { cwd: this.root, ...ROOM });
    return stdout;
  }
}
