import { parentPort } from 'node:worker_threads';

import type { ValidateFunction } from 'ajv';
import { LRUCache } from 'lru-cache';

import { answerQuestions } from '../../definitions/deadline-worker.ts';
import { validatorFor } from './dialects.ts';
import { errorSentences } from './error-sentences.ts';
import { reportOnSchema, type SchemaReport } from './schema-faults.ts';

/** A schema as JSON: to be checked itself, or with parameters to be validated. */
export interface ValidationQuestion {
  readonly schema: string;
  readonly parameters?: Record<string, unknown>;
}

/** Parameters with defaults, or every error. */
export type CheckedParameters =
  | { readonly isValid: true; readonly parameters: Record<string, unknown> }
  | { readonly isValid: false; readonly faults: readonly string[] };

/** The report on a schema, or the result for the parameters. */
export type ValidationAnswer = SchemaReport | CheckedParameters;

/** Validators of recently used schemas; compiling one takes longer than using it. */
const validators = new LRUCache<string, ValidateFunction>({ max: 200 });

/** @throws when the schema itself is not valid. */
function validatorOf(json: string): ValidateFunction {
  const known = validators.get(json);
  if (known) return known;
  const { $schema, ...schema } = JSON.parse(json) as { readonly $schema?: unknown };
  const ajv = validatorFor($schema, () => undefined);
  if (!ajv) throw new Error(`no draft of JSON Schema is called ${JSON.stringify($schema)} here`);
  const validate = ajv.compile(schema);
  validators.set(json, validate);
  return validate;
}

function answerTo({ schema, parameters }: ValidationQuestion): ValidationAnswer {
  if (parameters === undefined) return reportOnSchema(JSON.parse(schema) as Record<string, unknown>);
  try {
    const validate = validatorOf(schema);
    // Adds the defaults to the parameters.
    if (validate(parameters)) return { isValid: true, parameters };
    return { isValid: false, faults: errorSentences(validate.errors ?? []) };
  } catch (error) {
    // Infinite recursion in a schema may appear only with some parameters.
    const reason = `the schema of this workflow cannot be applied to these parameters: ${(error as Error).message}`;
    return { isValid: false, faults: [reason] };
  }
}

answerQuestions(parentPort, answerTo);
