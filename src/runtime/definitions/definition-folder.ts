import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { Logger } from '@nestjs/common';
import type { FSWatcher } from 'chokidar';

import { StartError } from '../../config/index.js';
import { DefinitionError } from './definition-error.js';
import { definitionCensus, definitionNews } from './definition-news.js';
import { DefinitionOwners, type Owned } from './definition-owners.js';

/** How a folder of YAML files becomes definitions of type `T`. */
export interface DefinitionFolderOptions<T> {
  /** What is defined, as the log calls it. */
  readonly kind: string;
  readonly folder: string;
  /** The setting that names the folder, when one does: what an operator names must be there. */
  readonly setting?: string | undefined;
  /** @throws {DefinitionError} when the file cannot be used. */
  readonly parse: (file: string, text: string) => T | Promise<T>;
  /** Which file defined which slug in an earlier life of the process: file by slug. */
  readonly earlierOwners?: () => Promise<ReadonlyMap<string, string>>;
  /**
   * Told all usable definitions by slug, at start and after every change, and the files that are there but
   * broken: what they defined in an earlier life of the process shall stay as well.
   */
  readonly changed: (
    definitions: ReadonlyMap<string, Owned<T>>,
    broken: ReadonlySet<string>,
  ) => Promise<void> | void;
}

const YAML_FILE = /^[^.].*\.ya?ml$/;
/** Editors and copies touch a file several times; the last touch counts. */
const SETTLE_MS = 150;

/** Watches a folder of YAML files; a broken file is logged and keeps its last good version. */
export class DefinitionFolder<T extends { readonly slug: string }> {
  private readonly logger = new Logger('Definitions');
  private readonly owners = new DefinitionOwners<T>(({ file, owner, slug }) =>
    this.logger.error(
      `${file}:1: ${owner} defines "${slug}" and goes on doing so; what ${file} says is not used until it has another name`,
    ),
  );
  private settled: ReadonlyMap<string, Owned<T>> | undefined;
  private good: ReadonlyMap<string, T> = new Map();
  private texts: ReadonlyMap<string, string | Error> = new Map();
  private watcher: FSWatcher | undefined;
  private settling: NodeJS.Timeout | undefined;
  private loading: Promise<void> = Promise.resolve();

  constructor(private readonly options: DefinitionFolderOptions<T>) {}

  /** Loads everything once, then watches; resolves when the first load has been told. */
  async start(): Promise<void> {
    await this.requireFolder();
    this.owners.remember((await this.options.earlierOwners?.()) ?? new Map());
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
      // One after the other: an older state of the folder must not come last.
      this.loading = this.loading.then(() => this.load()).catch((error: unknown) => this.logger.error(error));
    }, SETTLE_MS);
  }

  private async load(): Promise<void> {
    const texts = await this.read();
    const good = new Map<string, T>();
    const broken = new Set<string>();
    for (const [file, text] of texts) {
      const definition = await this.usable(file, text);
      if (definition === undefined) broken.add(file);
      else good.set(file, definition);
    }
    this.texts = texts;
    this.good = good;
    const settled = this.owners.settle(good, broken);
    await this.options.changed(settled, broken);
    this.report(settled);
  }

  private report(settled: ReadonlyMap<string, Owned<T>>): void {
    const { kind, folder } = this.options;
    const news =
      this.settled === undefined
        ? [definitionCensus(kind, folder, [...settled.keys()])]
        : definitionNews(kind, this.settled, settled);
    for (const sentence of news) this.logger.log(sentence);
    this.settled = settled;
  }

  private async requireFolder(): Promise<void> {
    const { folder, setting } = this.options;
    if (setting === undefined) return;
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory()) return;
    throw new StartError(
      `${setting} is "${folder}", but there is no such folder. Make it, or name another one.`,
    );
  }

  /** The text of every file, or why it cannot be read. */
  private async read(): Promise<Map<string, string | Error>> {
    const { folder } = this.options;
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      // What is only hidden for a moment is not gone.
      if (error.code !== 'ENOENT')
        throw new StartError(`The folder ${folder} cannot be read: ${error.message}.`);
      this.logger.warn(`There is no folder ${folder}: nothing is defined by it.`);
      return [];
    });
    const files = names.filter((name) => YAML_FILE.test(name)).sort();
    return new Map(
      await Promise.all(files.map(async (file) => [file, await textOf(join(folder, file))] as const)),
    );
  }

  /** The definition of a file, or what it was when the file was last usable. */
  private async usable(file: string, text: string | Error): Promise<T | undefined> {
    const before = this.good.get(file);
    if (this.texts.get(file) === text) return before;
    try {
      if (text instanceof Error) throw text;
      return await this.options.parse(file, text);
    } catch (error) {
      // Whatever is wrong with one file is no reason to pass over the others.
      const { message } =
        error instanceof DefinitionError ? error : new DefinitionError(file, 1, reasonOf(error));
      this.logger.error(`${message} (what the file defined before, if anything, stays)`);
      return before;
    }
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const textOf = (path: string): Promise<string | Error> =>
  readFile(path, 'utf8').catch((error: Error) => new Error(`it cannot be read: ${error.message}`));
