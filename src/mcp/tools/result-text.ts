import { hash } from 'node:crypto';

import { isObject } from './json-schema.js';

/** The field of an answer that names what untrusted text is in it, by paths such as `output` or `task_list[].error`. */
const UNTRUSTED = 'untrusted';

/** A shorter list has as many tokens as JSON. */
const FEWEST_ROWS = 3;
const MOST_COLUMNS = 30;
/** The part of the cells that must have a value. */
const FILLED = 0.6;
const NAME = /^[\w.-]{1,60}$/;

/** A name that can stand in text of ours: before a table, in a fence, in a note. A task may use whole sentences as names. */
export const isPlainName = (name: string): boolean => NAME.test(name);
/** A text of one line that needs no quotes in a cell. */
const BARE = /^[^\s\p{Cc}"[{](?:[^\p{Cc}\u2028\u2029]*[^\s\p{Cc}])?$/u;
/** What JSON would not take for a text. */
const LITERAL = /^(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

type Answer = Readonly<Record<string, unknown>>;

/**
 * The answer of a tool as a model reads it: as JSON, unless it has what a model reads better otherwise. Then
 * - a list of several records is a table, which has every name only once;
 * - fields without a value are left out;
 * - the fields that `untrusted` names come last, between a tag and its end that no text in the answer can contain.
 *
 * @param json the answer as JSON, which is the text of most answers.
 * @param repeated fields that have the same as others in another form: left out.
 */
export function resultText(answer: Answer, json: string, repeated: readonly string[] = []): string {
  if (typeof answer['toJSON'] === 'function') return json;
  const tables = tablesOf(answer);
  const untrusted = untrustedFields(answer);
  if (!tables && !untrusted && repeated.every((name) => answer[name] === undefined)) return json;
  const trusted = new Section();
  const fenced = new Section();
  for (const [name, value] of Object.entries(answer)) {
    if (value === null || repeated.includes(name) || (untrusted && name === UNTRUSTED)) continue;
    const table = tables?.get(name);
    if (untrusted?.has(name)) fenced.add(name, value, table ?? multilineOf(name, value));
    else trusted.add(name, value, table);
  }
  return [...trusted.blocks().map(titled), ...fence(fenced.blocks())].join('\n');
}

/** A part of the text: fields as JSON, or one field by its name. */
interface Block {
  readonly name?: string;
  readonly text: string;
}

/** Fields as one JSON object, and those that a model reads better otherwise. */
class Section {
  private readonly plain: [name: string, value: unknown][] = [];
  private readonly others: Block[] = [];

  add(name: string, value: unknown, text: string | undefined): void {
    if (text === undefined) this.plain.push([name, value]);
    else this.others.push({ name, text });
  }

  blocks(): Block[] {
    const json = JSON.stringify(Object.fromEntries(this.plain));
    return [...(json === '{}' ? [] : [{ text: json }]), ...this.others];
  }
}

const titled = ({ name, text }: Block): string => (name === undefined ? text : `${name}:\n${text}`);

/** Each between tags whose mark is in none of them, so that a text cannot end its own block. */
function fence(blocks: readonly Block[]): string[] {
  if (blocks.length === 0) return [];
  const tag = `${UNTRUSTED}-${markFor(blocks.map(({ text }) => text).join('\n'))}`;
  return blocks.map(
    ({ name, text }) => `<${tag}${name === undefined ? '' : ` ${name}`}>\n${text}\n</${tag}>`,
  );
}

const hashOf = (text: string, round: number): string => hash('sha256', `${round}${text}`).slice(0, 8);

/**
 * A mark that the text does not contain, the same for the same text: replies that are asked for again stay equal.
 *
 * @param draw another mark in every round.
 */
export function markFor(text: string, draw = hashOf): string {
  for (let round = 0; ; round += 1) {
    const mark = draw(text, round);
    if (!text.includes(mark)) return mark;
  }
}

/** The fields of the answer with text of which `untrusted` says so; `undefined` for none. */
function untrustedFields(answer: Answer): ReadonlySet<string> | undefined {
  const paths = answer[UNTRUSTED];
  if (!Array.isArray(paths)) return undefined;
  const names = paths
    .filter((path) => typeof path === 'string')
    .map((path) => path.split(/[.[]/, 1)[0] ?? '');
  const found = names.filter((name) => name !== UNTRUSTED && answer[name] !== undefined);
  return found.length > 0 ? new Set(found) : undefined;
}

/** A text that JSON would write in one long line, as it is. */
const multilineOf = (name: string, value: unknown): string | undefined =>
  typeof value === 'string' && isPlainName(name) && value.includes('\n') ? value : undefined;

/** The lists of the answer that are shorter as a table; `undefined` for none. */
function tablesOf(answer: Answer): ReadonlyMap<string, string> | undefined {
  let tables: Map<string, string> | undefined;
  for (const name of Object.keys(answer)) {
    const value = answer[name];
    if (!Array.isArray(value) || value.length < FEWEST_ROWS || !isPlainName(name)) continue;
    const table = tableOf(value);
    if (table !== undefined) (tables ??= new Map<string, string>()).set(name, table);
  }
  return tables;
}

/** The names of all fields, then a line for each item, with tabs between; `undefined` for items that are not alike. */
function tableOf(items: readonly unknown[]): string | undefined {
  const columns = new Set<string>();
  let cells = 0;
  for (const item of items) {
    if (!isObject(item) || typeof item['toJSON'] === 'function') return undefined;
    for (const name of Object.keys(item)) {
      if (item[name] === undefined || item[name] === null) continue;
      columns.add(name);
      cells += 1;
    }
  }
  const names = [...columns];
  if (names.length === 0 || names.length > MOST_COLUMNS || !names.every(isPlainName)) return undefined;
  if (cells < names.length * items.length * FILLED) return undefined;
  const rows = items.map((item) => names.map((name) => cellOf((item as Answer)[name])).join('\t'));
  return [names.join('\t'), ...rows].join('\n');
}

/** Empty for no value; a text as it is where that can be nothing else, and JSON for all others. */
function cellOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string' && BARE.test(value) && !LITERAL.test(value)) return value;
  // TypeScript does not say that JSON leaves out some values.
  const json: string | undefined = JSON.stringify(value);
  return json ?? '';
}
