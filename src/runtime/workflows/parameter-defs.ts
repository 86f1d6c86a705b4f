import type { ParameterDef } from '../../contract/index.js';
import { acceptedTypes, type ParameterSchema, type ParametersSchema } from './compiled-workflow.js';

/** Longest schema in a response, as JSON. */
const LONGEST_SCHEMA = 16_384;

/** The parameters in the detail of a workflow. */
interface ShownParameters {
  readonly parameters: ParameterDef[];
  readonly parameters_schema?: Record<string, unknown>;
  readonly note?: string;
}

/** The parameter list of the API, and the JSON Schema unless it is too long. */
export function shownParameters(schema: ParametersSchema): ShownParameters {
  const parameters = parameterDefsOf(schema);
  const { length } = JSON.stringify(schema);
  if (length <= LONGEST_SCHEMA) return { parameters, parameters_schema: { ...schema } };
  const note = `parameters_schema is left out: it has ${length} characters, more than ${LONGEST_SCHEMA}. See parameters.`;
  return { parameters, note };
}

function parameterDefsOf(root: ParametersSchema): ParameterDef[] {
  const { properties = {}, required = [] } = root;
  return Object.entries(properties).map(([key, declared]) => {
    const schema = resolvedSchema(declared, root);
    return {
      key,
      type: typeOf(schema),
      label: schema.title ?? key,
      // A parameter with a default is optional even when listed in `required`: the default is applied before validation.
      required: required.includes(key) && schema.default === undefined,
      ...present({
        description: schema.description,
        default: schema.default,
        min: schema.minimum,
        max: schema.maximum,
        options: schema.enum,
        accept: acceptedTypes(schema),
      }),
    };
  });
}

/** Types without a name in the API keep that of JSON Schema; several are joined by a bar. */
function typeOf({ type, format, enum: options, properties, items, prefixItems }: ParameterSchema): string {
  if (format === 'file') return 'file';
  if (options) return 'select';
  const names = [type ?? []].flat().filter((name) => name !== 'null');
  if (names.length > 0) return [...new Set(names)].join(' | ');
  if (properties) return 'object';
  return (items ?? prefixItems) ? 'array' : 'any';
}

const present = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Limit for chains of references, which may be circular. */
const DEEPEST = 16;

/** Flattens `$ref`, `allOf`, `anyOf`, `oneOf` and `const` into one schema; keywords beside them take precedence. */
function resolvedSchema(schema: ParameterSchema, root: object, depth = 0): ParameterSchema {
  if (depth > DEEPEST) return {};
  const { $ref, allOf = [], anyOf, oneOf, ...own } = schema;
  const flat = (each: ParameterSchema): ParameterSchema => resolvedSchema(each, root, depth + 1);
  const parts = [
    ...($ref === undefined ? [] : [flat(targetOf($ref, root))]),
    ...allOf.map(flat),
    ...[anyOf, oneOf].flatMap((choice) => (choice ? [united(choice.map(flat))] : [])),
  ];
  const options = own.enum ?? (own.const === undefined ? undefined : [own.const]);
  return Object.assign({}, ...parts, own, options && { enum: options }) as ParameterSchema;
}

/** Merges alternatives; a null alternative is ignored, as it only makes the value optional. */
function united(choice: readonly ParameterSchema[]): ParameterSchema {
  const some = choice.filter(({ type }) => type !== 'null');
  const [only, ...more] = some;
  if (only && more.length === 0) return only;
  const type = some.flatMap((each) => each.type ?? typeByShape(each));
  const options = some.every((each) => each.enum) ? some.flatMap((each) => each.enum ?? []) : undefined;
  return { ...(type.length > 0 && { type }), ...(options && { enum: options }) };
}

function typeByShape({ enum: options, properties, items, prefixItems }: ParameterSchema): string[] {
  if (properties) return ['object'];
  if (items ?? prefixItems) return ['array'];
  return (options ?? []).map((option) => (option === null ? 'null' : typeof option));
}

/** The target of a local JSON Pointer; an empty schema for any other reference. */
function targetOf(reference: string, root: object): ParameterSchema {
  const [start, ...steps] = reference.split('/');
  if (start !== '#') return {};
  let target: unknown = root;
  for (const step of steps) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    target = isObject(target) && Object.hasOwn(target, key) ? Reflect.get(target, key) : undefined;
  }
  return isObject(target) ? target : {};
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
