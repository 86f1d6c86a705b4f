import { findNodeAtLocation, type Node } from 'jsonc-parser';

import type { TextFormat } from './text-format.js';

/** The text with a part replaced. */
const spliced = (text: string, start: number, end: number, inner: string): string =>
  text.slice(0, start) + inner + text.slice(end);

const endOf = ({ offset, length }: Node): number => offset + length;

/** The white space at the begin of the line of an offset. */
const indentAt = (text: string, offset: number): string =>
  /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset))?.[0] ?? '';

/** A value over several lines, the first of which has this indentation. */
function pretty(value: unknown, indent: string, { indent: unit, eol }: TextFormat): string {
  return JSON.stringify(value, undefined, unit).replaceAll('\n', eol + indent);
}

/** Puts another value in the place of a node. */
export function replaceNode(text: string, node: Node, value: unknown, format: TextFormat): string {
  return spliced(text, node.offset, endOf(node), pretty(value, indentAt(text, node.offset), format));
}

/** Adds a member at the end of an object, or an item at the end of a list, and touches nothing else of it. */
export function addChild(
  text: string,
  parent: Node,
  { name, value }: { readonly name?: string; readonly value: unknown },
  format: TextFormat,
): string {
  const label = name === undefined ? '' : `${JSON.stringify(name)}: `;
  const last = parent.children?.at(-1);
  const outer = indentAt(text, parent.offset);
  if (!last) {
    const content = text.slice(parent.offset + 1, endOf(parent) - 1).trimEnd();
    const inner = outer + format.indent;
    const member = `${format.eol}${inner}${label}${pretty(value, inner, format)}${format.eol}${outer}`;
    return spliced(text, parent.offset + 1 + content.length, endOf(parent) - 1, member);
  }
  const isOnOneLine = !text.slice(parent.offset, last.offset).includes('\n');
  const inner = isOnOneLine ? outer : indentAt(text, last.offset);
  const member = isOnOneLine
    ? `, ${label}${JSON.stringify(value)}`
    : `,${format.eol}${inner}${label}${pretty(value, inner, format)}`;
  return spliced(text, endOf(last), endOf(last), member);
}

/** Takes a member or an item out again, with one comma, and leaves comments beside it. */
export function removeChild(text: string, parent: Node, child: Node): string {
  const children = parent.children ?? [];
  const index = children.indexOf(child);
  const [before, after] = [children[index - 1], children[index + 1]];
  if (before) {
    const between = text.slice(endOf(before), child.offset);
    if (/^\s*,\s*$/.test(between)) return spliced(text, endOf(before), endOf(child), '');
    return spliced(text, endOf(before), endOf(child), between.replace(',', '').trimEnd());
  }
  const rest = text.slice(endOf(child), after ? after.offset : endOf(parent) - 1);
  const comma = /^\s*,\s*/.exec(rest)?.[0].length ?? 0;
  if (after) return spliced(text, child.offset, endOf(child) + comma, '');
  const around = text.slice(parent.offset + 1, child.offset) + rest.slice(comma);
  return spliced(text, parent.offset + 1, endOf(parent) - 1, around.trim() === '' ? '' : around);
}

/** The member of an object that has a value at a path, or the item itself. */
export function childAt(tree: Node, path: readonly (string | number)[]): Node | undefined {
  const node = findNodeAtLocation(tree, [...path]);
  return node?.parent?.type === 'property' ? node.parent : node;
}
