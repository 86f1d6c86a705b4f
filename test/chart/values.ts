import { parse } from 'yaml';

/** One line of values.yaml that holds a value, and what stands around it. */
export interface ValueLine {
  /** `trial.agent.slots` */
  readonly path: string;
  readonly isGroup: boolean;
  /** Text of the comment above, without its marks; empty when there is none. */
  readonly meaning: string;
  readonly default: unknown;
  /** What `# @schema` at its end says. */
  readonly rules: object;
}

const KEY = /^( *)([A-Za-z][A-Za-z0-9]*):(.*?)(?: # @schema (.*))?$/;
const COMMENT = /^ *# (?:-- )?(.*)$/;

/** Reads values.yaml by its lines: a comment above each value, and its rules, if any, behind it. */
export function valueLines(text: string): ValueLine[] {
  const lines: ValueLine[] = [];
  const path: string[] = [];
  let comment: string[] = [];
  for (const line of text.split('\n')) {
    const [, indent, key, value = '', rules = ''] = KEY.exec(line) ?? [];
    if (indent !== undefined && key !== undefined) {
      path.splice(indent.length / 2, Infinity, key);
      lines.push({
        path: path.join('.'),
        isGroup: value.trim() === '',
        meaning: comment.join(' '),
        default: parse(value),
        rules: parse(`{ ${rules} }`) as object,
      });
    }
    const [, words] = COMMENT.exec(line) ?? [];
    comment = words === undefined ? [] : [...comment, words.trim()];
  }
  return lines;
}

/** The closed JSON Schema of the values. */
export function schemaOf(lines: ValueLine[]): object {
  const properties: Record<string, object> = {};
  for (const line of lines.filter(({ path }) => !path.includes('.'))) {
    properties[line.path] = line.isGroup ? schemaOf(childrenOf(line, lines)) : valueSchema(line);
  }
  return { type: 'object', properties, additionalProperties: false };
}

/** The page of the values: what a person reads before installing. */
export function tableOf(lines: ValueLine[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const rows = lines
    .filter(({ isGroup }) => !isGroup)
    .map((line) => `| \`${line.path}\` | \`${JSON.stringify(line.default)}\` | ${cell(line.meaning)} |`);
  return ['| Value | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function childrenOf({ path }: ValueLine, lines: ValueLine[]): ValueLine[] {
  return lines
    .filter((line) => line.path.startsWith(`${path}.`))
    .map((line) => ({ ...line, path: line.path.slice(path.length + 1) }));
}

function valueSchema(line: ValueLine): object {
  return { description: line.meaning, type: typeOf(line.default), ...line.rules };
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
