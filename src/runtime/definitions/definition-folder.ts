import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Logger } from '@nestjs/common';
import type { FSWatcher } from 'chokidar';

import { DefinitionError } from './definition-error.js';

/** How a folder of YAML files becomes definitions of type `T`. */
export interface DefinitionFolderOptions<T> {
  readonly folder: string;
  /** @throws {DefinitionError} when the file cannot be used. */
  readonly parse: (file: string, text: string) => T | Promise<T>;
  /**
   * Told all usable definitions by file name, at start and after every change, and the files that are there but
   * broken: what they defined in an earlier life of the process shall stay as well.
   */
  readonly changed: (definitions: ReadonlyMap<string, T>, broken: ReadonlySet<string>) => Promise<void>;
}

const YAML_FILE = /^[^.].*\.ya?ml$/;
/** Editors and copies touch a file several times; the last touch counts. */
const SETTLE_MS = 150;

/** Watches a folder of YAML files; a broken file is logged and keeps its last good version. */
export class DefinitionFolder<T> {
  private readonly logger = new Logger('Definitions');
  private good: ReadonlyMap<string, T> = new Map();
  private texts: ReadonlyMap<string, string> = new Map();
  private watcher: FSWatcher | undefined;
  private settling: NodeJS.Timeout | undefined;
  private loading: Promise<void> = Promise.resolve();

  constructor(private readonly options: DefinitionFolderOptions<T>) {}

  /** Loads everything once, then watches; resolves when the first load has been told. */
  async start(): Promise<void> {
    const { watch } = await import('chokidar');
    const watcher = watch(this.options.folder, { ignoreInitial: true, depth: 0 });
    this.watcher = watcher;
    watcher.on('all', () => this.touched());
    watcher.on('error', (error) => this.logger.error(error));
    // What changes while the watcher is still getting ready is seen by the load that follows.
    await new Promise<void>((ready) => watcher.once('ready', ready));
    await this.load();
  }

  /** Stops watching. */
  async stop(): Promise<void> {
    clearTimeout(this.settling);
    await this.watcher?.close();
    await this.loading;
  }

  private touched(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.loading = this.load().catch((error: unknown) => this.logger.error(error));
    }, SETTLE_MS);
  }

  private async load(): Promise<void> {
    const texts = await this.read();
    const good = new Map<string, T>();
    const broken = new Set<string>();
    for (const [file, text] of texts) {
      const definition = await this.parse(file, text);
      if (definition === undefined) broken.add(file);
      else good.set(file, definition);
    }
    this.texts = texts;
    this.good = good;
    await this.options.changed(good, broken);
  }

  private async read(): Promise<Map<string, string>> {
    const { folder } = this.options;
    const names = await readdir(folder).catch(() => {
      this.logger.warn(`The folder ${folder} cannot be read: nothing is defined by it.`);
      return [];
    });
    const files = names.filter((name) => YAML_FILE.test(name)).sort();
    return new Map(
      await Promise.all(
        files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const),
      ),
    );
  }

  /** The definition of a file, or what it was when the file was last usable. */
  private async parse(file: string, text: string): Promise<T | undefined> {
    const before = this.good.get(file);
    if (this.texts.get(file) === text) return before;
    try {
      return await this.options.parse(file, text);
    } catch (error) {
      if (!(error instanceof DefinitionError)) throw error;
      this.logger.error(`${error.message} (what the file defined before, if anything, stays)`);
      return before;
    }
  }
}
