import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';

import type { ParametersSchema } from './compiled-workflow.js';

/** Parameters with the defaults filled in, or why they are refused. */
export type CheckedParameters =
  | { readonly isValid: true; readonly parameters: Record<string, unknown> }
  | { readonly isValid: false; readonly reason: string };

/** JSON Schema 2020-12 with the usual formats and `file`, the key of an upload. */
export class ParameterValidator {
  private readonly validate: ValidateFunction;

  /** @throws when the schema itself is not valid. */
  constructor(schema: ParametersSchema) {
    const ajv = new Ajv2020({
      useDefaults: true,
      strictTypes: false,
      strictRequired: false,
      allErrors: false,
    });
    ajvFormats.default(ajv);
    ajv.addFormat('file', true);
    this.validate = ajv.compile(schema);
  }

  check(given: Record<string, unknown>): CheckedParameters {
    const parameters = structuredClone(given);
    if (this.validate(parameters)) return { isValid: true, parameters };
    const [error] = this.validate.errors ?? [];
    return { isValid: false, reason: error ? sentenceOf(error) : 'the parameters are not valid' };
  }
}

/** Names the parameter and the rule it broke. */
function sentenceOf({ instancePath, keyword, params, message = 'is not valid' }: ErrorObject): string {
  const path = instancePath.split('/').slice(1).map(unescapePointer);
  const { missingProperty, additionalProperty, unevaluatedProperty, allowedValues } = params as Record<
    string,
    unknown
  >;
  const unknown = additionalProperty ?? unevaluatedProperty;
  if (typeof missingProperty === 'string')
    return `parameter "${[...path, missingProperty].join('.')}" is required`;
  if (typeof unknown === 'string')
    return `parameter "${[...path, unknown].join('.')}" is not one this workflow takes`;
  const name = path.length === 0 ? 'the parameters' : `parameter "${path.join('.')}"`;
  if (keyword === 'enum') return `${name} must be one of ${JSON.stringify(allowedValues)}`;
  return `${name} ${message}`;
}

const unescapePointer = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');
