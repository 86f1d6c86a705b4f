/** The keywords that tell what a value looks like. */
export interface Schema {
  readonly type?: string | string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly contentMediaType?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: object;
  readonly items?: unknown;
  readonly prefixItems?: unknown;
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** References that lead further are circles, or nobody's work. */
const DEEPEST = 16;

/** One flat schema for what `$ref`, `allOf`, `anyOf`, `oneOf` and `const` say together; what stands beside them wins. */
export function resolvedSchema(schema: Schema, root: object, depth = 0): Schema {
  if (depth > DEEPEST) return {};
  const { $ref, allOf = [], anyOf, oneOf, ...own } = schema;
  const flat = (each: Schema): Schema => resolvedSchema(each, root, depth + 1);
  const parts = [
    ...($ref === undefined ? [] : [flat(targetOf($ref, root))]),
    ...allOf.map(flat),
    ...[anyOf, oneOf].flatMap((choice) => (choice ? [united(choice.map(flat))] : [])),
  ];
  const options = own.enum ?? (own.const === undefined ? undefined : [own.const]);
  return Object.assign({}, ...parts, own, options && { enum: options }) as Schema;
}

/** What any of several schemas may look like; that one of them is null only makes the value optional. */
function united(choice: readonly Schema[]): Schema {
  const some = choice.filter(({ type }) => type !== 'null');
  const [only, ...more] = some;
  if (only && more.length === 0) return only;
  const type = some.flatMap((each) => each.type ?? typeByShape(each));
  const options = some.every((each) => each.enum) ? some.flatMap((each) => each.enum ?? []) : undefined;
  return { ...(type.length > 0 && { type }), ...(options && { enum: options }) };
}

function typeByShape({ enum: options, properties, items, prefixItems }: Schema): string[] {
  if (properties) return ['object'];
  if (items ?? prefixItems) return ['array'];
  return (options ?? []).map((option) => (option === null ? 'null' : typeof option));
}

/** The schema a local JSON Pointer names; an empty one for any other reference. */
function targetOf(reference: string, root: object): Schema {
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
