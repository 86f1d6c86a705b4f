import type { ParameterDef } from '../../contract/index.js';
import { acceptedTypes, type ParametersSchema } from './compiled-workflow.js';
import { resolvedSchema, type Schema } from './resolved-schema.js';

/** Longest schema, as JSON, that an answer shows; the rest of an answer must fit beside it. */
const LONGEST_SCHEMA = 16_384;

/** What the detail of a workflow tells about its parameters. */
export interface ShownParameters {
  readonly parameters: ParameterDef[];
  readonly parameters_schema?: Record<string, unknown>;
  readonly note?: string;
}

/** The typed list the API names, and the schema that runs are checked against, unless it is too long to show. */
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
      // What has a default need not be given, whatever `required` says: it is filled in before the check.
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

/** A kind the API has no word for keeps the name JSON Schema gives it; several are joined by a bar. */
function typeOf({ type, format, enum: options, properties, items, prefixItems }: Schema): string {
  if (format === 'file') return 'file';
  if (options) return 'select';
  const names = [type ?? []].flat().filter((name) => name !== 'null');
  if (names.length > 0) return [...new Set(names)].join(' | ');
  if (properties) return 'object';
  return (items ?? prefixItems) ? 'array' : 'any';
}

const present = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
