import { ParameterValidator } from './parameter-validator.js';
import type { WorkflowVersion } from './workflows.service.js';

const LIMIT = 200;

/** Validators of the versions that were run lately; making one takes longer than using it. */
export class ValidatorCache {
  private readonly validators = new Map<string, ParameterValidator>();

  of({ id, version, definition }: WorkflowVersion): ParameterValidator {
    const name = `${id}@${version}`;
    const validator = this.validators.get(name) ?? new ParameterValidator(definition.schema);
    if (this.validators.size >= LIMIT) this.validators.clear();
    this.validators.set(name, validator);
    return validator;
  }
}
