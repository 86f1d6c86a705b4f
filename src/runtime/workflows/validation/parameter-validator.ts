import type { ValidateFunction } from 'ajv';

import { validatorFor } from './dialects.ts';
import { errorSentences } from './error-sentences.ts';

/** Parameters with defaults, or every error. */
export type CheckedParameters =
  | { readonly isValid: true; readonly parameters: Record<string, unknown> }
  | { readonly isValid: false; readonly faults: readonly string[] };

/** Validates parameters against the schema of one workflow. */
export class ParameterValidator {
  private readonly validate: ValidateFunction;

  /** @throws when the schema itself is not valid. */
  constructor({ $schema, ...schema }: { readonly $schema?: unknown }) {
    const ajv = validatorFor($schema, () => undefined);
    if (!ajv) throw new Error(`no draft of JSON Schema is called ${JSON.stringify($schema)} here`);
    this.validate = ajv.compile(schema);
  }

  /** Adds the defaults to `parameters` itself. */
  check(parameters: Record<string, unknown>): CheckedParameters {
    if (this.validate(parameters)) return { isValid: true, parameters };
    return { isValid: false, faults: errorSentences(this.validate.errors ?? []) };
  }
}
