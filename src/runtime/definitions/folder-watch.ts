import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { ChokidarOptions, FSWatcher } from 'chokidar';

import { isDefinitionFile } from './definition-texts.js';

export interface FolderListener {
  readonly changed: () => void;
  readonly failed: (error: unknown) => void;
}

/** Editors write a file several times: waits until changes have settled. */
const SETTLE_MS = 150;
/** Polling interval, for changes without an event of the system. */
const POLL_MS = 2000;
const VERSION_CONTROL = /[\\/]\.git(?:[\\/]|$)/;

/**
 * Detects changes of a folder and its files: at once by events of the system, and within two seconds by polling, for
 * symbolic links that change their target (Kubernetes swaps `..data`) and network mounts.
 */
export class FolderWatch {
  private watcher: FSWatcher | undefined;
  /** Watches the files beside the definitions. */
  private beside: { readonly names: string; readonly watcher: FSWatcher } | undefined;
  private settling: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private look: Promise<void> = Promise.resolve();
  private seen = { folder: '', files: '' };
  private isStopped = false;

  constructor(
    private readonly folder: string,
    private readonly listener: FolderListener,
  ) {}

  /** Resolves once changes are detected. */
  async start(): Promise<void> {
    this.seen = await stateOf(this.folder);
    await this.open();
    this.lookLater();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.settling);
    clearTimeout(this.looking);
    await this.look;
    await Promise.all([this.watcher?.close(), this.beside?.watcher.close()]);
  }

  /** Also watches these files and folders beside the definitions; replaces the previous ones. */
  async follow(names: readonly string[]): Promise<void> {
    const wanted = [...new Set(names)].sort();
    if (this.isStopped || this.beside?.names === wanted.join('/')) return;
    await this.beside?.watcher.close();
    const watcher = await this.watching(
      wanted.map((name) => join(this.folder, name)),
      { ignored: VERSION_CONTROL },
    );
    this.beside = { names: wanted.join('/'), watcher };
  }

  private async open(): Promise<void> {
    this.watcher = await this.watching(this.folder, { depth: 0 });
  }

  private async watching(paths: string | string[], options: ChokidarOptions): Promise<FSWatcher> {
    const { watch } = await import('chokidar');
    const watcher = watch(paths, { ignoreInitial: true, ...options });
    watcher.on('all', () => this.touched());
    watcher.on('error', (error) => this.listener.failed(error));
    await new Promise<void>((ready) => watcher.once('ready', ready));
    return watcher;
  }

  private touched(): void {
    clearTimeout(this.settling);
    if (!this.isStopped) this.settling = setTimeout(this.listener.changed, SETTLE_MS);
  }

  private lookLater(): void {
    if (this.isStopped) return;
    this.looking = setTimeout(() => {
      this.look = this.compare()
        .catch((error: unknown) => this.listener.failed(error))
        .finally(() => this.lookLater());
    }, POLL_MS).unref();
  }

  private async compare(): Promise<void> {
    const { folder, files } = this.seen;
    const now = await stateOf(this.folder);
    this.seen = now;
    if (now.folder !== folder && !this.isStopped) {
      // The old watcher still watches the previous target of the link.
      await this.watcher?.close();
      await this.open();
      const names = this.beside?.names.split('/') ?? [];
      await this.beside?.watcher.close();
      this.beside = undefined;
      await this.follow(names);
    }
    if (now.folder !== folder || now.files !== files) this.touched();
  }
}

/** A fingerprint that changes with the folder and its files. */
async function stateOf(folder: string): Promise<{ folder: string; files: string }> {
  const real = await realpath(folder).catch(() => '');
  const { ino } = await stat(real).catch(() => ({ ino: 0 }));
  const names = (await readdir(folder).catch(() => [])).filter(isDefinitionFile).sort();
  const files = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => undefined);
      return found ? [name, found.ino, found.size, found.mtimeMs, found.ctimeMs] : [name];
    }),
  );
  return { folder: `${real} ${ino}`, files: JSON.stringify(files) };
}
