import type { ValidateFunction } from 'ajv';

import { validatorFor } from './dialects.ts';
import { sentencesOf } from './fault-sentences.ts';

/** Parameters with the defaults filled in, or every reason why they are refused. */
export type CheckedParameters =
  | { readonly isValid: true; readonly parameters: Record<string, unknown> }
  | { readonly isValid: false; readonly faults: readonly string[] };

/** Checks the parameters of runs against the schema of one workflow. */
export class ParameterValidator {
  private readonly validate: ValidateFunction;

  /** @throws when the schema itself is not valid. */
  constructor({ $schema, ...schema }: { readonly $schema?: unknown }) {
    const ajv = validatorFor($schema, () => undefined);
    if (!ajv) throw new Error(`no draft of JSON Schema is called ${JSON.stringify($schema)} here`);
    this.validate = ajv.compile(schema);
  }

  /** Fills the defaults into `parameters` itself. */
  check(parameters: Record<string, unknown>): CheckedParameters {
    if (this.validate(parameters)) return { isValid: true, parameters };
    return { isValid: false, faults: sentencesOf(this.validate.errors ?? []) };
  }
}
