import { isObject, type JsonSchema } from './json-schema.js';

/** A tool as tools/list shows it, as far as there are rules for it. */
export interface ShownTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema | undefined;
  readonly annotations?: Readonly<Record<string, unknown>> | undefined;
}

interface ToolRule {
  /** The rule, as a test of it is called. */
  readonly sentence: string;
  /** How a tool breaks it, and what to do; nothing when it does not. */
  readonly faultIn: (tool: ShownTool) => string | undefined;
}

const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'];
const ERROR_FIELDS = ['error_message', 'retry_after_seconds'];

/** What holds for every tool, of the product and of extensions; an extension with a tool that breaks one does not start. */
export const TOOL_RULES: readonly ToolRule[] = [
  {
    sentence: 'a tool is named verb first, in snake_case',
    faultIn: ({ name }) =>
      unless(/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(name), 'give it a name such as list_invoices'),
  },
  {
    sentence: 'a tool has a title, the same for every generation of clients',
    faultIn: ({ title, annotations }) =>
      unless(
        title !== undefined && /^[A-Z].{2,}$/.test(title) && annotations?.['title'] === title,
        "set annotations.title, such as 'List invoices', and no other title",
      ),
  },
  { sentence: 'a tool gives all four hints, and none against another', faultIn: faultInHints },
  {
    sentence: 'a tool has a description of a few sentences, in at most 400 characters',
    faultIn: ({ description = '' }) =>
      unless(/^[A-Z][^]{20,}\.$/.test(description) && description.length <= 400, describedAs(description)),
  },
  {
    sentence: 'a tool describes where the value of every input comes from, in 5 to 250 characters',
    faultIn: ({ inputSchema }) => listed(undescribed(inputSchema), (name) => `add .describe(…) to ${name}`),
  },
  {
    sentence: 'a tool accepts only the arguments it names',
    faultIn: ({ inputSchema }) =>
      unless(inputSchema.additionalProperties === false, 'pass its parameters through advertised(…)'),
  },
  {
    sentence: 'a tool has an open output schema with optional fields, those of an error included',
    faultIn: faultInOutput,
  },
  {
    sentence: 'a tool has schemas every client understands',
    faultIn: ({ inputSchema, outputSchema }) =>
      inputSchema.type === 'object'
        ? listed([...unportable(inputSchema), ...unportable(outputSchema)], (path) => `leave out ${path}`)
        : 'make its input an object',
  },
  {
    sentence: 'a tool has inputs of one type each',
    faultIn: ({ inputSchema }) =>
      listed(
        fieldsOf(inputSchema)
          .filter(([, { type, anyOf }]) => typeof type !== 'string' || anyOf !== undefined)
          .map(([name]) => name),
        (name) => `give ${name} one type`,
      ),
  },
];

const unless = (isMet: boolean, advice: string): string | undefined => (isMet ? undefined : advice);

const listed = (names: readonly string[], advice: (names: string) => string): string | undefined =>
  names.length === 0 ? undefined : advice(names.join(', '));

const describedAs = (description: string): string =>
  description.length > 400
    ? `shorten it: it has ${description.length}`
    : 'begin it with a capital letter and end it with a full stop, after more than 20 characters';

function faultInHints({ annotations = {} }: ShownTool): string | undefined {
  const missing = HINTS.filter((hint) => typeof annotations[hint] !== 'boolean');
  if (missing.length > 0) return `set annotations.${missing.join(', annotations.')} to true or false`;
  if (annotations['readOnlyHint'] !== true) return undefined;
  if (annotations['destructiveHint'] === true) return 'a tool that only reads is not destructive';
  return unless(annotations['idempotentHint'] === true, 'a tool that only reads is idempotent');
}

function faultInOutput({ outputSchema }: ShownTool): string | undefined {
  const { type, required = [], additionalProperties = {}, properties = {} } = outputSchema ?? {};
  const isOpen = isObject(additionalProperties) && Object.keys(additionalProperties).length === 0;
  const hasErrors = ERROR_FIELDS.every((field) => Object.hasOwn(properties, field));
  return unless(
    type === 'object' && required.length === 0 && isOpen && hasErrors,
    'set its outputSchema to advertised(outputOf(…))',
  );
}

/** Every field of a schema, also of objects in it. */
const fieldsOf = ({ properties = {} }: JsonSchema): [string, JsonSchema][] =>
  Object.entries(properties).flatMap(([name, schema]) => [[name, schema], ...fieldsOf(schema)]);

const undescribed = (schema: JsonSchema): string[] =>
  fieldsOf(schema)
    .filter(([, { description = '' }]) => !/^.{5,250}$/.test(description))
    .map(([name]) => name);

/** Keywords every client and model provider understands. */
const KEYWORDS: ReadonlySet<string> = new Set([
  'type',
  'description',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'enum',
  'default',
  'format',
  'contentEncoding',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'propertyNames',
  'anyOf',
]);

/** Where a schema uses what some client does not understand; empty when it is portable. */
function unportable(schema: unknown, path = '#'): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const here = `${path}/${keyword}`;
    if (!KEYWORDS.has(keyword)) return [here];
    if (keyword === 'anyOf') return path === '#' ? [here] : unportableIn(value, here);
    if (keyword === 'properties') return unportableIn(value, here);
    if (keyword === 'items' || keyword === 'additionalProperties') return unportable(value, here);
    return [];
  });
}

const unportableIn = (schemas: unknown, path: string): string[] =>
  Object.entries(schemas as object).flatMap(([name, inner]) => unportable(inner, `${path}/${name}`));
