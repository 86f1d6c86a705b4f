import { type Document, isMap, isNode, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';

import { DefinitionError } from './definition-error.js';

/** Where in a document something is, from its root. */
export type YamlPath = readonly (string | number)[];

/** A parsed YAML file that can tell on which line something stands. */
export class YamlSource {
  private constructor(
    private readonly file: string,
    private readonly document: Document,
    private readonly lines: LineCounter,
    /** The document as plain values. */
    readonly value: unknown,
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
    const source = new YamlSource(file, document, lines, plain(file, document, lines));
    if (typeof source.value !== 'object' || source.value === null || Array.isArray(source.value))
      throw source.error([], 'the file must be a mapping');
    return source;
  }

  /** An error about what stands at a path, or about the nearest thing around it. */
  error(path: YamlPath, reason: string): DefinitionError {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = this.nodeAt(path.slice(0, length));
      if (node?.range) return new DefinitionError(this.file, this.lines.linePos(node.range[0]).line, reason);
    }
    return new DefinitionError(this.file, 1, reason);
  }

  /** What begins the thing at a path: in a mapping its key, else itself. */
  private nodeAt(path: YamlPath): Node | undefined {
    const last = path.at(-1);
    const parent = path.length > 1 ? this.document.getIn(path.slice(0, -1), true) : this.document.contents;
    if (last === undefined) return this.document.contents ?? undefined;
    if (isMap(parent)) {
      const key = parent.items.map((pair) => pair.key).find((node) => isScalar(node) && node.value === last);
      return isNode(key) ? key : undefined;
    }
    const node = this.document.getIn(path, true);
    return isNode(node) ? node : undefined;
  }
}

/** Aliases are looked up only now, so a wrong one shows late. */
function plain(file: string, document: Document, lines: LineCounter): unknown {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    let line = 1;
    visit(document, {
      Alias(_key, alias) {
        if (!alias.range || alias.resolve(document) !== undefined) return undefined;
        ({ line } = lines.linePos(alias.range[0]));
        return visit.BREAK;
      },
    });
    throw new DefinitionError(file, line, (error as Error).message);
  }
}
