import { Ajv, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';

import { uniqueItems } from './unique-items.ts';

type AnyAjv = Ajv | Ajv2019 | Ajv2020;

const DIALECTS: Readonly<Record<string, new (options: Options) => AnyAjv>> = {
  'json-schema.org/draft-07/schema': Ajv,
  'json-schema.org/draft/2019-09/schema': Ajv2019,
  'json-schema.org/draft/2020-12/schema': Ajv2020,
};
/** Words of OpenAPI that say something to people and tools, and nothing about what is valid. */
const ANNOTATIONS = ['example', 'discriminator', 'externalDocs', 'xml'];

/** Words beginning with x-, and defaults that are being checked on their own. */
const OF_NO_INTEREST = /^unknown keyword|^default is ignored in the schema root/;

/** A validator of the draft that `$schema` names, without one of 2020-12; `undefined` when it is none of ours. */
export function validatorFor($schema: unknown, warned: (warning: string) => void): AnyAjv | undefined {
  const name = typeof $schema === 'string' ? $schema.replace(/^https?:\/\//, '').replace(/#$/, '') : '';
  const Dialect =
    $schema === undefined ? Ajv2020 : Object.hasOwn(DIALECTS, name) ? DIALECTS[name] : undefined;
  if (Dialect === undefined) return undefined;
  const tell = (...words: unknown[]): void => {
    const warning = words.join(' ').replace(/^strict mode: /, '');
    if (!OF_NO_INTEREST.test(warning)) warned(warning);
  };
  const ajv = new Dialect({
    useDefaults: true,
    allErrors: true,
    verbose: true,
    // `toString` is no parameter because every object has one.
    ownProperties: true,
    // What would make a schema do less than it says is refused in schema-faults.ts, with its place.
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
