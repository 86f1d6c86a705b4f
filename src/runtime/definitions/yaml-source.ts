import { DefinitionError } from './definition-error.js';
import type { LargeInteger, YamlPath, YamlPlace, YamlReading } from './yaml-text.js';

/** A YAML file that was read, and that can tell on which line something stands. */
export class YamlSource {
  private constructor(
    private readonly file: string,
    private readonly root: YamlPlace,
    /** The document as plain values. */
    readonly value: unknown,
    /** Integers that {@link value} holds only roughly. */
    readonly largeIntegers: readonly LargeInteger[],
  ) {}

  /** @throws {DefinitionError} when the text is not YAML, or its root not a mapping. */
  static of(file: string, reading: YamlReading): YamlSource {
    if (!reading.isGood) throw new DefinitionError(file, reading.line, reading.reason);
    return new YamlSource(file, reading.root, reading.value, reading.largeIntegers);
  }

  /** An error about what stands at a path, or about the nearest thing around it. */
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
