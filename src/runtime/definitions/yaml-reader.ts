import { DeadlineWorker, HEAP_MB } from '../deadline-worker/index.js';
import { DefinitionError } from './definition-error.js';
import { YamlSource } from './yaml-source.js';
import type { YamlReading } from './yaml-text.js';

const CPU_MS = 5000;

/** Reads YAML texts in a thread of its own, each within a deadline. */
export class YamlReader {
  private readonly worker: DeadlineWorker<string, YamlReading>;
  private readonly cpuMs: number;

  constructor({ cpuMs = CPU_MS } = {}) {
    this.cpuMs = cpuMs;
    this.worker = new DeadlineWorker({ module: new URL('yaml-worker', import.meta.url), cpuMs });
  }

  /** @throws {DefinitionError} when the text cannot be used, with the line and the reason. */
  async read(file: string, text: string): Promise<YamlSource> {
    const reading = await this.worker.ask(text);
    if (reading.outcome === 'answered') return YamlSource.of(file, reading.answer);
    const reason =
      reading.outcome === 'exceeded'
        ? `it takes more than ${this.cpuMs / 1000} seconds or ${HEAP_MB} MB to read; make it simpler`
        : `it cannot be read: ${reading.reason}`;
    throw new DefinitionError(file, 1, reason);
  }

  /** Ends the thread. */
  end(): Promise<void> {
    return this.worker.end();
  }
}
