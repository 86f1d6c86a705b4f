import { parentPort } from 'node:worker_threads';

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';

import { answerQuestions } from './deadline-worker.ts';

/** Path of a part from the root of the document. */
export type YamlPath = readonly (string | number)[];

/** The line on which a part starts, from 1, and its child parts by key or index. */
export interface YamlPlace {
  readonly line: number;
  readonly parts: ReadonlyMap<string | number, YamlPlace>;
}

/** An integer that JavaScript cannot represent exactly. */
export interface LargeInteger {
  readonly path: YamlPath;
  readonly written: string;
  readonly used: number;
}

/** The result of parsing a YAML text, or its first problem. */
export type YamlReading =
  | {
      readonly isGood: true;
      readonly value: unknown;
      readonly root: YamlPlace;
      readonly largeIntegers: readonly LargeInteger[];
    }
  | { readonly isGood: false; readonly line: number; readonly reason: string };

const DEEPEST = 100;

/** Thrown while the document is walked; becomes the result. */
class Fault extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Parses a YAML text; only values that JSON also has are valid. */
function readYamlText(text: string): YamlReading {
  try {
    return new YamlText(text).read();
  } catch (error) {
    if (error instanceof Fault) return { isGood: false, line: error.line, reason: error.message };
    const reason = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message;
    return { isGood: false, line: 1, reason };
  }
}

class YamlText {
  private readonly lines = new LineCounter();
  private readonly document: Document;
  private readonly largeIntegers: LargeInteger[] = [];

  constructor(text: string) {
    // Duplicate keys are detected below: the parser would compare each key with every other.
    this.document = parseDocument(text, { lineCounter: this.lines, uniqueKeys: false });
  }

  read(): YamlReading {
    const [problem] = [...this.document.errors, ...this.document.warnings];
    if (problem) {
      const [first = 'not valid YAML'] = problem.message.split(/ at line \d+|\n/);
      throw new Fault(problem.linePos?.[0].line ?? 1, first);
    }
    const root = this.placeOf(this.document.contents, []);
    if (!isMap(this.document.contents)) throw new Fault(root.line, 'the file must be a mapping');
    const value = this.document.toJS() as unknown;
    return { isGood: true, value, root, largeIntegers: this.largeIntegers };
  }

  private placeOf(node: unknown, path: YamlPath, before = 1): YamlPlace {
    const line = this.lineOf(node, before);
    if (path.length > DEEPEST) throw new Fault(line, `it is nested more than ${DEEPEST} levels deep`);
    if (isAlias(node) && node.resolve(this.document) === undefined)
      throw new Fault(line, `the alias *${node.source} refers to no anchor before it`);
    if (isScalar(node)) this.checkNumber(node, path, line);
    if (isMap(node)) return { line, parts: this.partsOfMap(node, path, line) };
    if (!isSeq(node)) return { line, parts: new Map() };
    const parts = node.items.map(
      (item, index) => [index, this.placeOf(item, [...path, index], line)] as const,
    );
    return { line, parts: new Map(parts) };
  }

  private partsOfMap({ items }: YAMLMap, path: YamlPath, before: number): Map<string, YamlPlace> {
    const parts = new Map<string, YamlPlace>();
    for (const { key, value } of items) {
      const line = this.lineOf(key, before);
      if (!isScalar(key)) throw new Fault(line, 'a key must be a string, not a mapping, a list or an alias');
      const name = nameOf(key);
      if (parts.has(name)) throw new Fault(line, `the key "${name}" is there twice`);
      // A value starts on the line of its key.
      parts.set(name, { ...this.placeOf(value, [...path, name], line), line });
    }
    return parts;
  }

  private checkNumber({ value, source }: Scalar, path: YamlPath, line: number): void {
    if (typeof value !== 'number') return;
    const written = source ?? String(value);
    if (!Number.isFinite(value)) throw new Fault(line, `${written} is not a number in JSON`);
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(written))
      this.largeIntegers.push({ path, written, used: value });
  }

  private lineOf(node: unknown, otherwise: number): number {
    const [start] = (node as { range?: [number, number, number] | null } | null)?.range ?? [];
    return start === undefined ? otherwise : this.lines.linePos(start).line;
  }
}

/** The key as a string, as in JSON. */
const nameOf = ({ value }: Scalar): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';

// This file is the module of a worker thread: a short text can take the parser very long.
answerQuestions(parentPort, readYamlText);
