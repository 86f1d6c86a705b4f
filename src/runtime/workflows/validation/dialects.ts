import { Ajv, type FuncKeywordDefinition, type Options } from 'ajv';
import ajvFormats from 'ajv-formats';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';

type AnyAjv = Ajv | Ajv2019 | Ajv2020;

const DIALECTS: Readonly<Record<string, new (options: Options) => AnyAjv>> = {
  'json-schema.org/draft-07/schema': Ajv,
  'json-schema.org/draft/2019-09/schema': Ajv2019,
  'json-schema.org/draft/2020-12/schema': Ajv2020,
};
/** Annotations of OpenAPI without effect on validation. */
const ANNOTATIONS = ['example', 'discriminator', 'externalDocs', 'xml'];

/** Warnings about x- keywords, and about defaults, which are validated separately. */
const IGNORED_WARNING = /^unknown keyword|^default is ignored in the schema root/;

/** A validator for the draft in `$schema`, by default 2020-12; `undefined` when the draft is not supported. */
export function validatorFor($schema: unknown, warned: (warning: string) => void): AnyAjv | undefined {
  const name = typeof $schema === 'string' ? $schema.replace(/^https?:\/\//, '').replace(/#$/, '') : '';
  const Dialect =
    $schema === undefined ? Ajv2020 : Object.hasOwn(DIALECTS, name) ? DIALECTS[name] : undefined;
  if (Dialect === undefined) return undefined;
  const tell = (...words: unknown[]): void => {
    const warning = words.join(' ').replace(/^strict mode: /, '');
    if (!IGNORED_WARNING.test(warning)) warned(warning);
  };
  const ajv = new Dialect({
    useDefaults: true,
    allErrors: true,
    verbose: true,
    // Inherited properties such as `toString` are not parameters.
    ownProperties: true,
    // schema-faults.ts rejects keywords without effect, with their path.
    strictSchema: 'log',
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    logger: { log: tell, warn: tell, error: tell },
  });
  ajvFormats.default(ajv);
  ajv.addFormat('file', true);
  ajv.addVocabulary(ANNOTATIONS);
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword(uniqueItems);
  return ajv;
}

/** `uniqueItems` in linear time; that of the validator compares each item with every other. */
const uniqueItems: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  error: { message: 'must not hold the same item twice' },
  validate: (isRequired: boolean, items: unknown[]): boolean =>
    !isRequired || new Set(items.map(canonical)).size === items.length,
};

function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const fields = Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`);
  return `{${fields.join(',')}}`;
}
