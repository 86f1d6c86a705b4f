import type { ParameterDef } from '../../contract/index.js';
import type { ParameterSchema, ParametersSchema } from './compiled-workflow.js';

/** The typed list the API shows, derived from the schema that runs are checked against. */
export function parameterDefsOf({ properties = {}, required = [] }: ParametersSchema): ParameterDef[] {
  return Object.entries(properties).map(([key, schema]) => ({
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
      accept: schema.contentMediaType === undefined ? undefined : [schema.contentMediaType],
    }),
  }));
}

/** A kind the API does not know, such as `array`, keeps the name JSON Schema gives it. */
function typeOf({ type, format, enum: options }: ParameterSchema): string {
  if (format === 'file') return 'file';
  if (options) return 'select';
  const first = [type ?? []].flat().find((name) => name !== 'null') ?? 'string';
  return first === 'integer' ? 'number' : first;
}

const present = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
