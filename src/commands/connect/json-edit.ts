import { isDeepStrictEqual } from 'node:util';

import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  parseTree,
  type ParseError,
  printParseErrorCode,
} from 'jsonc-parser';

import type { JsonSetting } from '../../clients/index.js';
import { FileProblem } from './file-problem.js';
import { addChild, childAt, removeChild, replaceNode } from './json-nodes.js';
import type { JsonPlace } from './records.js';
import type { TextFormat } from './text-format.js';

/** Sets values in JSON, or JSON with comments, and keeps everything else as it is written. */
export function setJson(
  text: string,
  settings: readonly JsonSetting[],
  format: TextFormat,
): { readonly text: string; readonly before: readonly JsonPlace[] } {
  let edited = text;
  const before: JsonPlace[] = [];
  for (const setting of settings) {
    const found = lookUp(edited, setting);
    before.push(found);
    edited = change(edited, placeOf(edited, setting), setting.value, format);
  }
  return { text: edited.endsWith('\n') || text.trim() !== '' ? edited : edited + format.eol, before };
}

/** Puts back what was in the places of settings, and keeps what else has changed since. */
export function restoreJson(text: string, before: readonly JsonPlace[]): string {
  return before.toReversed().reduce((edited, { path, itemId, source, parents }) => {
    const setting = { path, ...(itemId !== undefined && { itemId }) };
    if (!isThere(edited, setting)) return edited;
    const place = placeOf(edited, setting);
    if (source !== undefined) return replaceSource(edited, place, source);
    return withoutEmpty(remove(edited, place), path, parents);
  }, text);
}

/** By the names of the parser's errors. */
const REASONS: Readonly<Record<string, string>> = {
  InvalidSymbol: 'there is a word that means nothing in JSON',
  InvalidNumberFormat: 'a number is not written as one',
  PropertyNameExpected: 'a name in quotes is missing',
  ValueExpected: 'a value is missing',
  ColonExpected: 'a colon is missing',
  CommaExpected: 'a comma is missing',
  CloseBraceExpected: 'a } is missing',
  CloseBracketExpected: 'a ] is missing',
  EndOfFileExpected: 'something follows after the end',
  InvalidCommentToken: 'there is a comment where none may be',
  UnexpectedEndOfComment: 'a comment has no end',
  UnexpectedEndOfString: 'a text has no closing quote',
  UnexpectedEndOfNumber: 'a number has no end',
  InvalidUnicode: 'there is a wrong \\u escape',
  InvalidEscapeCharacter: 'there is a wrong escape after a backslash',
  InvalidCharacter: 'there is a character that may not be in JSON',
};

type Path = (string | number)[];

const OPTIONS = { allowTrailingComma: true, allowEmptyContent: true };

/** @throws {FileProblem} for a file that its client could not read either. */
function treeOf(text: string): Node | undefined {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, OPTIONS);
  const [first] = errors;
  if (first) {
    const line = text.slice(0, first.offset).split('\n').length;
    const reason = REASONS[printParseErrorCode(first.error)] ?? 'it ends in the middle';
    throw new FileProblem(
      `it is not valid JSON: in line ${line} ${reason}. Mend it, or move the file away, and run the command again`,
    );
  }
  if (tree && tree.type !== 'object')
    throw new FileProblem('it is JSON, but not an object; move the file away');
  return tree;
}

type Place = Pick<JsonSetting, 'path' | 'itemId'>;

function lookUp(text: string, { path, itemId }: Place): JsonPlace {
  const tree = treeOf(text);
  let parents = 0;
  for (let node = tree; parents < path.length; parents += 1) {
    requireOnce(node, path[parents] ?? '');
    const next = node && findNodeAtLocation(node, [path[parents] ?? '']);
    if (!next) break;
    const isLast = parents === path.length - 1;
    if (!isLast && next.type !== 'object')
      throw new FileProblem(`"${path[parents]}" in it is not an object; mend it by hand`);
    if (isLast && itemId !== undefined && next.type !== 'array')
      throw new FileProblem(`"${path.at(-1)}" in it is not a list; mend it by hand`);
    node = next;
  }
  const node = isThere(text, { path, ...(itemId !== undefined && { itemId }) })
    ? nodeAt(text, { path, ...(itemId !== undefined && { itemId }) })
    : undefined;
  return {
    path,
    ...(itemId !== undefined && { itemId }),
    ...(node && { source: text.slice(node.offset, node.offset + node.length) }),
    parents: Math.min(parents, itemId === undefined ? path.length - 1 : path.length),
  };
}

/** Clients take the last of two members of the same name, an edit would change the first. */
function requireOnce(node: Node | undefined, name: string): void {
  const members = (node?.children ?? []).filter(({ children }) => children?.[0]?.value === name);
  if (members.length > 1) throw new FileProblem(`it has "${name}" twice; remove one`);
}

/** Where a setting is, or is to be put. */
function placeOf(text: string, { path, itemId }: Place): Path {
  if (itemId === undefined) return [...path];
  const list = nodeAt(text, { path });
  const items = list?.children ?? [];
  const index = items.findIndex((item) => (getNodeValue(item) as { id?: unknown } | null)?.id === itemId);
  return [...path, index === -1 ? items.length : index];
}

function nodeAt(text: string, place: Place): Node | undefined {
  const tree = treeOf(text);
  return (
    tree && findNodeAtLocation(tree, place.itemId === undefined ? [...place.path] : placeOf(text, place))
  );
}

const isThere = (text: string, place: Place): boolean => nodeAt(text, place) !== undefined;

function change(text: string, place: Path, value: unknown, format: TextFormat): string {
  const source = text.trim() === '' ? '{}' : text;
  const tree = treeOf(source);
  if (!tree) return change(`${source}{}`, place, value, format);
  const node = findNodeAtLocation(tree, [...place]);
  if (node && isSameJson(getNodeValue(node), value)) return text;
  if (node) return replaceNode(source, node, value, format);
  let depth = place.length - 1;
  while (depth > 0 && !findNodeAtLocation(tree, place.slice(0, depth))) depth -= 1;
  const parent = findNodeAtLocation(tree, place.slice(0, depth)) ?? tree;
  const [step, ...below] = place.slice(depth);
  const whole = below.reduceRight<unknown>(
    (inner, each) => (typeof each === 'number' ? [inner] : { [each]: inner }),
    value,
  );
  const child = typeof step === 'string' ? { name: step, value: whole } : { value: whole };
  return addChild(source, parent, child, format);
}

/** The values of the parser have no prototype. */
const isSameJson = (one: unknown, other: unknown): boolean =>
  isDeepStrictEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(other)));

function remove(text: string, place: Path): string {
  const tree = treeOf(text);
  const child = tree && childAt(tree, place);
  return child?.parent ? removeChild(text, child.parent, child) : text;
}

function replaceSource(text: string, place: Path, source: string): string {
  const tree = treeOf(text);
  const node = tree && findNodeAtLocation(tree, [...place]);
  return node ? text.slice(0, node.offset) + source + text.slice(node.offset + node.length) : text;
}

/** Without the objects and lists that the change had made, as far as they are empty. */
function withoutEmpty(text: string, path: readonly string[], parents: number): string {
  let edited = text;
  for (let depth = path.length; depth > parents; depth -= 1) {
    const above = path.slice(0, depth);
    const node = nodeAt(edited, { path: above });
    if (!node) continue;
    if ((node.children ?? []).length > 0) break;
    edited = remove(edited, above);
  }
  return edited;
}
