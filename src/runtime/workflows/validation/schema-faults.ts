import type { ErrorObject } from 'ajv';

import { validatorFor } from './dialects.ts';
import { nearestName, shown, validNames } from './error-sentences.ts';
import { isMapping, type SchemaPath, type Subschema, subschemas } from './schema-walk.ts';

/** A problem in a schema, and its path. */
export interface SchemaFault {
  readonly path: SchemaPath;
  readonly reason: string;
}

/** The problem and the warnings of a schema. */
export interface SchemaReport {
  readonly fault?: SchemaFault | undefined;
  readonly warnings: readonly string[];
}

type Validator = NonNullable<ReturnType<typeof validatorFor>>;
type Schema = Subschema['schema'];

const DRAFTS =
  'https://json-schema.org/draft/2020-12/schema, https://json-schema.org/draft/2019-09/schema or http://json-schema.org/draft-07/schema#';
/** Keywords of JSON Schema for which the validator has no rule. */
const WITHOUT_RULE: ReadonlySet<string> = new Set(['$anchor', '$dynamicAnchor', '$recursiveAnchor']);
const MEDIA_RANGES = /^\s*[\w.+*-]+\/[\w.+*-]+\s*(,\s*[\w.+*-]+\/[\w.+*-]+\s*)*$/;
/** Name of the schema within the validator. */
const SELF = 'parameters';

/** Finds keywords of a schema that would have no effect or another one than intended. */
export function reportOnSchema({ $schema, ...schema }: Schema): SchemaReport {
  const warnings: string[] = [];
  const ajv = validatorFor($schema, (warning) => warnings.push(warning));
  if (!ajv) {
    const reason = `$schema ${JSON.stringify($schema)} is not supported: leave it out (2020-12), or use ${DRAFTS}`;
    return { fault: { path: ['$schema'], reason }, warnings };
  }
  return { fault: faultInWords(ajv, schema) ?? faultAsAWhole(ajv, schema), warnings };
}

function faultInWords(ajv: Validator, root: Schema): SchemaFault | undefined {
  for (const subschema of subschemas(root)) {
    const { path, schema } = subschema;
    const wrong =
      unknownWord(ajv, schema) ?? wrongFormat(ajv, subschema) ?? wrongPattern(schema) ?? wrongName(schema);
    if (wrong) return { path: [...path, ...wrong.path], reason: wrong.reason };
  }
  return undefined;
}

function unknownWord(ajv: Validator, schema: Schema): SchemaFault | undefined {
  const word = Object.keys(schema).find(
    (each) =>
      each === 'id' ||
      !(Object.hasOwn(ajv.RULES.keywords, each) || each.startsWith('x-') || WITHOUT_RULE.has(each)),
  );
  if (word === undefined) return undefined;
  const near = word === 'id' ? '$id' : nearestName(word, Object.keys(ajv.RULES.keywords));
  const hint = near === undefined ? '' : ` (did you mean "${near}"?)`;
  const reason = `"${shown(word)}" is no keyword of this draft of JSON Schema${hint}; begin a word of your own with x-`;
  return { path: [word], reason };
}

function wrongFormat(ajv: Validator, { path, schema }: Subschema): SchemaFault | undefined {
  const { format, contentMediaType } = schema;
  if (typeof format !== 'string') return undefined;
  const at = ['format'];
  if (!Object.hasOwn(ajv.formats, format)) {
    const names = validNames(format, Object.keys(ajv.formats).sort());
    return {
      path: at,
      reason: `format "${shown(format)}" is not supported, remove it or use another: ${names}`,
    };
  }
  if (format !== 'file') return undefined;
  if (path.length !== 2 || path[0] !== 'properties')
    return { path: at, reason: 'format "file" is supported for a parameter itself only, not within another' };
  if (
    contentMediaType === undefined ||
    (typeof contentMediaType === 'string' && MEDIA_RANGES.test(contentMediaType))
  )
    return undefined;
  return {
    path: ['contentMediaType'],
    reason:
      'contentMediaType must be a media type such as image/png, all of a kind such as image/*, or several with commas between them',
  };
}

function wrongPattern({ pattern, patternProperties }: Schema): SchemaFault | undefined {
  const given = [
    { path: ['pattern'], pattern },
    ...Object.keys(isMapping(patternProperties) ? patternProperties : {}).map((name) => ({
      path: ['patternProperties', name],
      pattern: name,
    })),
  ];
  for (const { path, pattern: text } of given) {
    if (typeof text !== 'string') continue;
    try {
      RegExp(text, 'u');
    } catch (error) {
      return { path, reason: `pattern "${shown(text)}" cannot be used: ${(error as Error).message}` };
    }
  }
  return undefined;
}

/** The validator ignores this name. */
function wrongName({ properties }: Schema): SchemaFault | undefined {
  if (!isMapping(properties) || !Object.hasOwn(properties, '__proto__')) return undefined;
  return { path: ['properties', '__proto__'], reason: 'a parameter cannot be called "__proto__"' };
}

/** Problems that only appear when the schema is compiled and used. */
function faultAsAWhole(ajv: Validator, schema: Schema): SchemaFault | undefined {
  if (ajv.validateSchema(schema) !== true) return deepestOf(ajv.errors ?? []);
  try {
    ajv.addSchema(schema, SELF);
    const validate = ajv.getSchema(SELF);
    const wrong = wrongDefault(ajv, schema);
    if (wrong) return wrong;
    void validate?.({});
    return undefined;
  } catch (error) {
    return faultOfError(schema, error as Error & { missingRef?: string });
  }
}

/** The most deeply nested error is the cause of the others. */
function deepestOf(errors: readonly ErrorObject[]): SchemaFault {
  const [first] = errors.toSorted((one, other) => depthOf(other) - depthOf(one));
  if (!first) return { path: [], reason: 'it is no valid JSON Schema' };
  const values = errors
    .filter(({ instancePath }) => instancePath === first.instancePath)
    .flatMap(({ params }) => (params as { allowedValues?: unknown[] }).allowedValues ?? []);
  const path = pathOf(first.instancePath);
  const rule = values.length > 0 ? `must be one of ${values.join(', ')}` : (first.message ?? 'is not valid');
  return { path, reason: `${String(path.at(-1) ?? 'it')} ${rule}` };
}

const depthOf = ({ instancePath }: ErrorObject): number => instancePath.split('/').length;

const pathOf = (pointer: string): (string | number)[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));

function wrongDefault(ajv: Validator, root: Schema): SchemaFault | undefined {
  for (const { path, schema } of subschemas(root)) {
    if (!Object.hasOwn(schema, 'default')) continue;
    const validate = ajv.getSchema(
      [`${SELF}#`, ...path.map((part) => encodeURIComponent(escaped(part)))].join('/'),
    );
    if (!validate || validate(structuredClone(schema['default'])) === true) continue;
    const rules = (validate.errors ?? []).map(({ message = 'is not valid' }) => message);
    const given = shown(JSON.stringify(schema['default']));
    return {
      path: [...path, 'default'],
      reason: `default ${given} breaks its own schema: it ${rules.join(', and ')}`,
    };
  }
  return undefined;
}

const escaped = (part: string | number): string => String(part).replaceAll('~', '~0').replaceAll('/', '~1');

function faultOfError(schema: Schema, error: Error & { missingRef?: string }): SchemaFault {
  if (error instanceof RangeError) return { path: [], reason: 'it refers to itself without end' };
  if (error.missingRef === undefined) return { path: [], reason: error.message };
  for (const subschema of subschemas(schema)) {
    const { $ref, $dynamicRef } = subschema.schema;
    const [name, value] = $ref === undefined ? ['$dynamicRef', $dynamicRef] : ['$ref', $ref];
    if (typeof value !== 'string' || !error.missingRef.endsWith(value.replace(/^#/, ''))) continue;
    const reason = `${name} "${shown(value)}" refers to nothing in this schema, and only what is in it can be referred to`;
    return { path: [...subschema.path, name], reason };
  }
  return { path: [], reason: `"${shown(error.missingRef)}" refers to nothing in this schema` };
}
