import { isNode, LineCounter, parseDocument, type Document } from 'yaml';

import { DefinitionError } from './definition-error.js';

/** Where in a document something is, from its root. */
export type YamlPath = readonly (string | number)[];

/** A parsed YAML file that can tell on which line something stands. */
export class YamlSource {
  private constructor(
    private readonly file: string,
    private readonly document: Document,
    private readonly lines: LineCounter,
  ) {}

  /** @throws {DefinitionError} when the text is not YAML, or its root not a mapping. */
  static parse(file: string, text: string): YamlSource {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines });
    const [problem] = document.errors;
    if (problem) {
      const [first = 'not valid YAML'] = problem.message.split(/ at line \d+|\n/);
      throw new DefinitionError(file, problem.linePos?.[0].line ?? 1, first);
    }
    const source = new YamlSource(file, document, lines);
    if (typeof source.value !== 'object' || source.value === null || Array.isArray(source.value))
      throw source.error([], 'the file must be a mapping');
    return source;
  }

  /** The document as plain values. */
  get value(): unknown {
    return this.document.toJS();
  }

  /** An error about what stands at a path, or about the nearest thing around it. */
  error(path: YamlPath, reason: string): DefinitionError {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = length === 0 ? this.document.contents : this.document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) {
        return new DefinitionError(this.file, this.lines.linePos(node.range[0]).line, reason);
      }
    }
    return new DefinitionError(this.file, 1, reason);
  }
}
