import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';

import { compileText } from '../../../test/support/compile.js';
import { packagePaths } from '../../config/index.js';

const RUNS = 60;
const VALID = [
  'workflows/mandelbrot.yaml',
  'workflows/http-snapshot.yaml',
  'test/fixtures/definitions/pydantic.yaml',
].map((path) => readFileSync(join(packagePaths.root, path), 'utf8'));

/** Loads, or refuses with one sentence that names the file and a line. */
async function expectAnAnswer(text: string): Promise<void> {
  const answer = await compileText('a.yaml', text).then(
    ({ slug }) => slug,
    (error: Error) => {
      expect(error).toMatchObject({ name: 'DefinitionError' });
      expect(error.message).toMatch(/^a\.yaml:\d+: \S/);
      expect(error.message).not.toMatch(/\n|undefined|\[object|oneOf|is not a function|of null/);
      return error.message;
    },
  );
  expect(answer).not.toBe('');
}

const BITS = [
  '{',
  '}',
  '[',
  ']',
  ':',
  '- ',
  '? ',
  '&a ',
  '*a',
  '!x ',
  '"',
  "'",
  '|',
  '#',
  '\t',
  '\0',
  'é',
  '9'.repeat(25),
  '${ .',
  '~',
  '.inf',
  '<<: ',
];

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removed: fc.nat(12),
  inserted: fc.oneof(fc.constantFrom(...BITS), fc.string({ maxLength: 6 })),
});

it('a workflow file with random changes loads, or is refused in a sentence', async () => {
  expect.hasAssertions();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...VALID),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      async (valid, mutations) => {
        let text = valid;
        for (const { at, removed, inserted } of mutations) {
          const place = Math.floor(at * text.length);
          text = text.slice(0, place) + inserted + text.slice(place + removed);
        }
        await expectAnAnswer(text);
      },
    ),
    { numRuns: RUNS },
  );
});

const KEYWORDS = [
  'type',
  'properties',
  'items',
  'enum',
  'const',
  'default',
  'pattern',
  'format',
  '$ref',
  '$dynamicRef',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'required',
  'minimum',
  'uniqueItems',
  'contains',
  'patternProperties',
  'additionalProperties',
  '$defs',
  '$id',
  '$schema',
  'x-own',
  'id',
  'nullable',
  '__proto__',
  'constructor',
];

const { schema: anySchema } = fc.letrec((tie) => ({
  schema: fc.dictionary(
    fc.constantFrom(...KEYWORDS),
    fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(
        'string',
        'integer',
        'object',
        'file',
        'date',
        '#',
        '#/$defs/a',
        '^(a+)+$',
        '(',
        1,
        -1,
        true,
        null,
      ),
      tie('schema'),
      fc.array(tie('schema'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('schema'), { maxKeys: 2 }),
    ),
    { maxKeys: 4 },
  ),
}));

it('a random schema of parameters loads, or is refused in a sentence', async () => {
  expect.hasAssertions();
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.constantFrom('a', 'b'), anySchema),
      anySchema,
      async (properties, more) => {
        const document = { ...(more as object), type: 'object', properties };
        const definition = {
          document: { dsl: '1.0.0', namespace: 'tests', name: 'random', version: '1.0.0' },
          input: { schema: { document } },
          do: [{ step: { run: { shell: { command: 'true' } } } }],
        };
        await expectAnAnswer(stringify(definition, { aliasDuplicateObjects: false }));
      },
    ),
    { numRuns: RUNS },
  );
});
