import { parentPort } from 'node:worker_threads';

import { LRUCache } from 'lru-cache';

import { answerQuestions } from '../../deadline-worker/deadline-worker.ts';
import { type CheckedParameters, ParameterValidator } from './parameter-validator.ts';
import { reportOnSchema, type SchemaReport } from './schema-faults.ts';

/** A schema as JSON: to be checked itself, or with parameters to be validated. */
export interface ValidationQuestion {
  readonly schema: string;
  readonly parameters?: Record<string, unknown>;
}

/** The report on a schema, or the result for the parameters. */
export type ValidationAnswer = SchemaReport | CheckedParameters;

/** Validators of recently used schemas; compiling one takes longer than using it. */
const validators = new LRUCache<string, ParameterValidator>({ max: 200 });

function validatorOf(schema: string): ParameterValidator {
  const validator = validators.get(schema) ?? new ParameterValidator(JSON.parse(schema) as object);
  validators.set(schema, validator);
  return validator;
}

function answerTo({ schema, parameters }: ValidationQuestion): ValidationAnswer {
  if (parameters === undefined) return reportOnSchema(JSON.parse(schema) as Record<string, unknown>);
  try {
    return validatorOf(schema).check(parameters);
  } catch (error) {
    // Infinite recursion in a schema may appear only with some parameters.
    const reason = `the schema of this workflow cannot be applied to these parameters: ${(error as Error).message}`;
    return { isValid: false, faults: [reason] };
  }
}

answerQuestions(parentPort, answerTo);
