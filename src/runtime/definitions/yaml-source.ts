import { DeadlineWorker, HEAP_MB } from './deadline-worker.js';
import type { LargeInteger, YamlPath, YamlPlace, YamlReading } from './yaml-worker.js';

/** A parsed YAML file with the line of every part. */
export class YamlSource {
  private constructor(
    private readonly file: string,
    private readonly root: YamlPlace,
    /** The document as plain values. */
    readonly value: unknown,
    /** Integers that are rounded in {@link value}. */
    readonly largeIntegers: readonly LargeInteger[],
  ) {}

  /** @throws {DefinitionError} when the text is not YAML, or its root not a mapping. */
  static of(file: string, reading: YamlReading): YamlSource {
    if (!reading.isGood) throw new DefinitionError(file, reading.line, reading.reason);
    return new YamlSource(file, reading.root, reading.value, reading.largeIntegers);
  }

  /** An error with the line of a path, or of its nearest existing parent. */
  error(path: YamlPath, reason: string): DefinitionError {
    let place = this.root;
    for (const part of path) {
      const inner = place.parts.get(part);
      if (inner === undefined) break;
      place = inner;
    }
    return new DefinitionError(this.file, place.line, reason);
  }
}

/** A definition file is invalid; the message is `file:line: reason`. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';

  constructor(
    readonly file: string,
    /** From 1. */
    readonly line: number,
    readonly reason: string,
  ) {
    super(`${file}:${line}: ${reason}`);
  }
}

const CPU_MS = 5000;

/** Parses YAML in a worker thread, with a deadline per file. */
export class YamlReader {
  private readonly worker: DeadlineWorker<string, YamlReading>;
  private readonly cpuMs: number;

  constructor({ cpuMs = CPU_MS } = {}) {
    this.cpuMs = cpuMs;
    this.worker = new DeadlineWorker({ module: new URL('yaml-worker', import.meta.url), cpuMs });
  }

  /** @throws {DefinitionError} with the line and the reason when the text is invalid. */
  async read(file: string, text: string): Promise<YamlSource> {
    const reading = await this.worker.ask(text);
    if (reading.outcome === 'answered') return YamlSource.of(file, reading.answer);
    const reason =
      reading.outcome === 'exceeded'
        ? `it takes more than ${this.cpuMs / 1000} seconds or ${HEAP_MB} MB to read; make it simpler`
        : `it cannot be read: ${reading.reason}`;
    throw new DefinitionError(file, 1, reason);
  }

  end(): Promise<void> {
    return this.worker.end();
  }
}
