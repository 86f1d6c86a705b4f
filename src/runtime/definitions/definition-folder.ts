import { stat } from 'node:fs/promises';

import { Logger } from '@nestjs/common';

import { StartError } from '../../config/index.js';
import type { BundleRef } from '../../contract/index.js';
import { packBundle } from '../bundles/index.js';
import { DefinitionError } from './definition-error.js';
import { definitionCensus, definitionNews } from './definition-news.js';
import { DefinitionOwners, type Owned } from './definition-owners.js';
import { readDefinitionTexts } from './definition-texts.js';
import { FolderWatch } from './folder-watch.js';
import { YamlReader } from './yaml-reader.js';
import type { YamlSource } from './yaml-source.js';

/** How a folder of YAML files becomes definitions of type `T`. */
export interface DefinitionFolderOptions<T> {
  /** What is defined, as the log calls it. */
  readonly kind: string;
  readonly folder: string;
  /** The setting that names the folder, when one does: what an operator names must be there. */
  readonly setting?: string | undefined;
  /** @throws {DefinitionError} when the file cannot be used. */
  readonly parse: (source: YamlSource, file: string) => T | Promise<T>;
  /** Names of the files and folders beside the definition that belong to it; they go where it runs. */
  readonly beside: (definition: T, file: string) => readonly string[];
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

/** What a definition of any kind has. */
interface Definition {
  readonly slug: string;
  /** The files beside it. */
  readonly bundle?: BundleRef | undefined;
}

/** What a text says; nothing when it could not be used. */
interface Parsed<T> {
  readonly text: string | Error;
  readonly definition: T | undefined;
}

/** Watches a folder of YAML files; a broken file is logged and keeps its last good version. */
export class DefinitionFolder<T extends Definition> {
  private readonly logger = new Logger('Definitions');
  private readonly owners = new DefinitionOwners<T>(({ file, owner, slug }) =>
    this.logger.error(
      `${file}:1: ${owner} defines "${slug}" and goes on doing so; what ${file} says is not used until it has another name`,
    ),
  );
  private settled: ReadonlyMap<string, Owned<T>> | undefined;
  private good: ReadonlyMap<string, T> = new Map();
  private parsed: ReadonlyMap<string, Parsed<T>> = new Map();
  /** The last complaint about each file. */
  private readonly complaints = new Map<string, string>();
  /** Files the log has called ignored. */
  private ignored: ReadonlySet<string> = new Set();
  private readonly reader = new YamlReader();
  private readonly watch: FolderWatch;
  private loading: Promise<void> = Promise.resolve();
  private isStopped = false;

  constructor(private readonly options: DefinitionFolderOptions<T>) {
    this.watch = new FolderWatch(options.folder, {
      changed: () => this.reload(),
      failed: (error) => this.logger.error(error),
    });
  }

  /** Loads everything once, then watches; resolves when the first load has been told. */
  async start(): Promise<void> {
    await this.requireFolder();
    this.owners.remember((await this.options.earlierOwners?.()) ?? new Map());
    // What changes while the watch is still getting ready is seen by the load that follows.
    await this.watch.start();
    await this.load();
  }

  /** Stops watching. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.watch.stop();
    // Ends what is being read as well: it may take its time.
    await this.reader.end();
    await this.loading;
    await this.reader.end();
  }

  private reload(): void {
    // One after the other: an older state of the folder must not come last.
    this.loading = this.loading.then(() => this.load()).catch((error: unknown) => this.logger.error(error));
  }

  private async load(): Promise<void> {
    const { texts, ignored } = await readDefinitionTexts(this.options.folder);
    this.reportIgnored(ignored);
    const good = new Map<string, T>();
    const parsed = new Map<string, Parsed<T>>();
    const broken = new Set<string>();
    for (const [file, text] of texts) {
      if (this.isStopped) return;
      const said = await this.read(file, text);
      parsed.set(file, said);
      const definition = await this.usable(file, said);
      if (definition === undefined) broken.add(file);
      else good.set(file, definition);
    }
    if (this.isStopped) return;
    this.parsed = parsed;
    this.good = good;
    await this.watch.follow([...parsed].flatMap(([file, said]) => this.besideOf(file, said)));
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

  /** Each file once for as long as it is there. */
  private reportIgnored(ignored: readonly string[] | undefined): void {
    if (ignored === undefined)
      this.logger.warn(`There is no folder ${this.options.folder}: nothing is defined by it.`);
    for (const file of ignored ?? []) {
      if (this.ignored.has(file)) continue;
      this.logger.warn(
        `${file} is ignored: a definition is a file whose name ends in .yaml or .yml (JSON is YAML, too: rename it if it is one)`,
      );
    }
    this.ignored = new Set(ignored);
  }

  /** What a text says; a text that was read before is not read again. */
  private async read(file: string, text: string | Error): Promise<Parsed<T>> {
    const known = this.parsed.get(file);
    if (known?.text === text) return known;
    this.complaints.delete(file);
    try {
      if (text instanceof Error) throw text;
      return { text, definition: await this.options.parse(await this.reader.read(file, text), file) };
    } catch (error) {
      this.complain(file, error);
      return { text, definition: undefined };
    }
  }

  /** The definition of a file with what is beside it, or what it was when the file was last usable. */
  private async usable(file: string, said: Parsed<T>): Promise<T | undefined> {
    const before = this.good.get(file);
    const { definition } = said;
    if (definition === undefined) return before;
    try {
      const packed = await packBundle(this.options.folder, this.besideOf(file, said));
      const isSame = this.parsed.get(file) === said && before?.bundle?.hash === packed?.hash;
      if (before && isSame) return before;
      return packed ? { ...definition, bundle: { hash: packed.hash, size: packed.size } } : definition;
    } catch (error) {
      this.complain(file, error);
      return before;
    }
  }

  private besideOf(file: string, { definition }: Parsed<T>): readonly string[] {
    return definition === undefined ? [] : this.options.beside(definition, file);
  }

  /** Whatever is wrong with one file is no reason to pass over the others. */
  private complain(file: string, error: unknown): void {
    if (this.isStopped) return;
    const { message } =
      error instanceof DefinitionError ? error : new DefinitionError(file, 1, reasonOf(error));
    if (this.complaints.get(file) === message) return;
    this.complaints.set(file, message);
    this.logger.error(`${message} (what the file defined before, if anything, stays)`);
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
