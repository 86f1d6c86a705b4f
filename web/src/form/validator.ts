import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import { type RJSFSchema, type RJSFValidationError, toErrorSchema, type ValidatorType } from '@rjsf/utils';

/** They repeat for an object or list what is wrong inside it. */
const OUTER: ReadonlySet<string> = new Set([
  'properties',
  'items',
  '$ref',
  'allOf',
  'anyOf',
  'oneOf',
  'if',
  'then',
  'else',
]);
const REQUIRED = /required property "(.+)"/;

/** Validates in the browser without code that is made at run time, which the policy of the page forbids. */
export const validator: ValidatorType = {
  validateFormData(formData, schema) {
    const errors = errorsOf(schema, formData);
    return { errors, errorSchema: toErrorSchema(errors) };
  },
  isValid: (schema, formData, root) => isValid({ ...definitionsOf(root), ...schema }, formData),
  // The library hands them on as it gets them.
  rawValidation: (schema, formData) => ({ errors: errorsOf(schema, formData) as never[] }),
};

const definitionsOf = ({ $defs, definitions }: RJSFSchema): RJSFSchema => ({
  ...($defs && { $defs }),
  ...(definitions && { definitions }),
});

const isValid = (schema: RJSFSchema, data: unknown): boolean =>
  new Validator(schema as Schema, '2020-12').validate(plain(data)).valid;

/** As it is sent: without fields that are undefined. */
const plain = (data: unknown): unknown => (data === undefined ? undefined : JSON.parse(JSON.stringify(data)));

function errorsOf(schema: RJSFSchema, data: unknown): RJSFValidationError[] {
  const { errors } = new Validator(schema as Schema, '2020-12', false).validate(plain(data ?? {}));
  return errors.filter(({ keyword }) => !OUTER.has(keyword)).map(errorOf);
}

function errorOf({ keyword, instanceLocation, error }: OutputUnit): RJSFValidationError {
  const path = instanceLocation.split('/').slice(1).map(unescaped);
  const missing = keyword === 'required' ? REQUIRED.exec(error)?.[1] : undefined;
  const property = [...path, ...(missing === undefined ? [] : [missing])].map((part) => `.${part}`).join('');
  const message = missing === undefined ? error.replace('Instance', 'It').replace(/\.$/, '') : 'Give a value';
  return { name: keyword, property, message, stack: `${property} ${message}`, params: {} };
}

const unescaped = (part: string): string =>
  decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
