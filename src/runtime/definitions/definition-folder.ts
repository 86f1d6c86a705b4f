import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import { errorText, StartError } from '../../config/index.js';
import type { BundleRef } from '../../contract/index.js';
import { packBundle } from '../bundles/index.js';
import { readDefinitionTexts } from './definition-texts.js';
import { FolderWatch } from './folder-watch.js';
import { definitionSummary, definitionChanges, SlugOwners, type OwnedDefinition } from './slug-owners.js';
import { DefinitionError, YamlReader, type YamlSource } from './yaml-source.js';

/** How the YAML files of a folder become definitions of type `T`. */
export interface DefinitionFolderOptions<T> {
  /** Kind of definition, for the log. */
  readonly kind: string;
  readonly folder: string;
  /** The setting that names the folder; a configured folder must exist. */
  readonly setting?: string | undefined;
  /** @throws {DefinitionError} when the file cannot be used. */
  readonly parse: (source: YamlSource, file: string) => T | Promise<T>;
  /** Names of the files and folders beside the definition that are sent to its agent. */
  readonly beside: (definition: T, file: string) => readonly string[];
  /** File by slug, as of the previous run of the server. */
  readonly earlierOwners?: () => Promise<ReadonlyMap<string, string>>;
  /**
   * Receives all valid definitions by slug, at start and after every change, and the invalid files: what they defined in
   * a previous run of the server stays as well.
   */
  readonly changed: (
    definitions: ReadonlyMap<string, OwnedDefinition<T>>,
    broken: ReadonlySet<string>,
  ) => Promise<void> | void;
}

/** What every definition has. */
interface Definition {
  readonly slug: string;
  /** The files beside it. */
  readonly bundle?: BundleRef | undefined;
}

/** The definition in a text; `undefined` when it is invalid. */
interface Parsed<T> {
  readonly text: string | Error;
  readonly definition: T | undefined;
}

/** At start the files beside a definition may just be written: how often, and after which pause, they are read. */
const FIRST_TRIES = 20;
const SETTLE_MS = 500;

/** The files beside a definition changed while they were read. */
export class FilesChanging extends Error {
  override readonly name = 'FilesChanging';
  constructor(file: string) {
    super(`what is beside ${file} changed while it was read; it is read again when it settles`);
  }
}

/** Watches a folder of YAML files; an invalid file is logged and keeps its last valid version. */
export class DefinitionFolder<T extends Definition> {
  private readonly logger = new Logger('Definitions');
  private readonly owners = new SlugOwners<T>(({ file, owner, slug }) =>
    this.logger.error(
      `${file}:1: ${owner} defines "${slug}" and keeps it; ${file} is not used until it has another name`,
    ),
  );
  private settled: ReadonlyMap<string, OwnedDefinition<T>> | undefined;
  private good: ReadonlyMap<string, T> = new Map();
  private parsed: ReadonlyMap<string, Parsed<T>> = new Map();
  /** The last logged error of each file. */
  private readonly loggedErrors = new Map<string, string>();
  /** Files that were logged as ignored. */
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

  /** Loads everything, then watches; resolves after the first load. */
  async start(): Promise<void> {
    await this.requireFolder();
    this.owners.remember((await this.options.earlierOwners?.()) ?? new Map());
    // The load after this sees changes that happen while the watch starts.
    await this.watch.start();
    await this.loadFirst();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.watch.stop();
    // Also stops the current read, which may take long.
    await this.reader.end();
    await this.loading;
    await this.reader.end();
  }

  /** Files that change while they are read are read again when they have settled. */
  private async loadFirst(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.load();
        return;
      } catch (error) {
        if (!(error instanceof FilesChanging) || tries === FIRST_TRIES) throw error;
        await delay(SETTLE_MS);
      }
    }
  }

  private reload(): void {
    // In sequence: an older state of the folder must not be applied last.
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
      const parsedFile = await this.read(file, text);
      parsed.set(file, parsedFile);
      const definition = await this.usable(file, parsedFile);
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

  private report(settled: ReadonlyMap<string, OwnedDefinition<T>>): void {
    const { kind, folder } = this.options;
    const news =
      this.settled === undefined
        ? [definitionSummary(kind, folder, [...settled.keys()])]
        : definitionChanges(kind, this.settled, settled);
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

  /** Logs each ignored file once while it exists. */
  private reportIgnored(ignored: readonly string[] | undefined): void {
    if (ignored === undefined)
      this.logger.warn(`The folder ${this.options.folder} does not exist: it defines nothing.`);
    for (const file of ignored ?? []) {
      if (this.ignored.has(file)) continue;
      this.logger.warn(
        `${file} is ignored: a definition is a file whose name ends in .yaml or .yml (JSON is valid YAML: rename the file if it is a definition)`,
      );
    }
    this.ignored = new Set(ignored);
  }

  /** Parses a text, unless it is unchanged. */
  private async read(file: string, text: string | Error): Promise<Parsed<T>> {
    const known = this.parsed.get(file);
    if (known?.text === text) return known;
    this.loggedErrors.delete(file);
    try {
      if (text instanceof Error) throw text;
      return { text, definition: await this.options.parse(await this.reader.read(file, text), file) };
    } catch (error) {
      this.logError(file, error);
      return { text, definition: undefined };
    }
  }

  /** The definition of a file with its bundle, or the last valid one. */
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
      this.logError(file, error);
      return before;
    }
  }

  private besideOf(file: string, { definition }: Parsed<T>): readonly string[] {
    return definition === undefined ? [] : this.options.beside(definition, file);
  }

  /** Logs the error of a file; it does not affect other files. */
  private logError(file: string, error: unknown): void {
    if (this.isStopped) return;
    const { message } =
      error instanceof DefinitionError ? error : new DefinitionError(file, 1, errorText(error));
    if (this.loggedErrors.get(file) === message) return;
    this.loggedErrors.set(file, message);
    this.logger.error(`${message} (what the file defined before, if anything, stays)`);
  }
}
