import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { compileText } from '../../../test/support/compile.js';

const head = `document: { dsl: '1.0.3', namespace: examples, name: example, version: '0.1.0' }\n`;
const call = (fields: string): string =>
  `${head}do:\n  - step: { call: http, with: { method: get, ${fields} } }\n`;
const withSchema = (schema: string, endpoint = 'https://x.test/'): string =>
  `${head}input: { schema: { document: { type: object, ${schema} } } }\ndo:\n  - step: { call: http, with: { method: get, endpoint: '${endpoint}' } }\n`;

/** Examples of the specification whose constructs are all of the subset, in the words of its repository. */
const EXAMPLES = {
  'call-http-query-parameters': `${head}input:
  schema: { format: json, document: { type: object, required: [searchQuery], properties: { searchQuery: { type: string } } } }
do:
  - searchStarWarsCharacters:
      call: http
      with: { method: get, endpoint: https://swapi.dev/api/people/, query: { search: '\${.searchQuery}' } }
`,
  'call-http-shorthand-endpoint, do-single': `${head}do:
  - getPet:
      call: http
      with: { method: get, endpoint: 'https://petstore.swagger.io/v2/pet/{petId}' }
`,
  'call-http-endpoint-interpolation-shorthand': `${head}do:
  - getPet:
      call: http
      with:
        headers: { content-type: application/json }
        method: get
        endpoint: https://petstore.swagger.io/v2/pet/{petId}
`,
};

it.each(Object.entries(EXAMPLES))('the example %s of the specification loads', async (_name, text) => {
  expect(await compileText('example.yaml', text)).toMatchObject({ slug: 'example' });
});

it('a workflow without a schema requires all parameters that its steps name', async () => {
  const { schema } = await compileText('a.yaml', EXAMPLES['call-http-endpoint-interpolation-shorthand']);
  expect(schema).toEqual({
    type: 'object',
    properties: { petId: { type: ['string', 'number', 'boolean'] } },
    required: ['petId'],
  });
});

it.each([
  ['schedule', `${head}schedule: { cron: 0 0 * * * }\ndo: [{ a: { call: http } }]\n`, '"schedule"'],
  ['set', `${head}do:\n  - a:\n      set: { b: 1 }\n`, '"set"'],
  ['if and raise', `${head}do:\n  - a:\n      if: .x\n      raise: { error: {} }\n`, '"if"'],
  ['try', `${head}do:\n  - a:\n      try: []\n      catch: {}\n`, '"try"'],
  ['wait', `${head}do:\n  - a: { wait: PT30S }\n`, '"wait"'],
  ['container', `${head}do:\n  - a: { run: { container: { image: x, ports: { 80: 80 } } } }\n`, '"ports"'],
  ['stdin', `${head}do:\n  - a: { run: { shell: { command: cat, stdin: x } } }\n`, '"stdin"'],
  ['redirect', call('endpoint: "https://x.test", redirect: true'), '"redirect"'],
  [
    'authentication',
    call('endpoint: { uri: "https://x.test", authentication: {} }'),
    'authentication is not',
  ],
  [
    'one reference for headers',
    call("endpoint: 'https://x.test', headers: '${ .headers }'"),
    'headers must be',
  ],
  ['interpolation', call(`endpoint: '\${ "https://x.test/\\(.petId)" }'`), 'the whole value'],
  [
    'an ISO 8601 timeout',
    `${head}timeout: { after: PT30S }\ndo: [{ a: { run: { shell: { command: x } } } }]\n`,
    'ISO 8601',
  ],
  ['another template operator', call("endpoint: 'https://x.test/{?q}'"), '"{?q}" is not supported'],
  [
    'a namespace with a blank',
    EXAMPLES['call-http-query-parameters'].replace('examples', 'my examples'),
    'namespace must be',
  ],
  [
    'a version that is a number',
    EXAMPLES['call-http-query-parameters'].replace("'0.1.0'", '1.0'),
    'version must be a text',
  ],
])('a workflow with %s is refused by that name', async (_what, text, reason) => {
  await expect(compileText('example.yaml', text)).rejects.toThrow(reason);
  await expect(compileText('example.yaml', text)).rejects.not.toThrow(/oneOf|anyOf|#\//);
});

it.each([
  [
    'of draft-07',
    `$schema: 'http://json-schema.org/draft-07/schema#', properties: { a: { items: [{ type: string }] } }`,
  ],
  [
    'of 2019-09',
    `$schema: 'https://json-schema.org/draft/2019-09/schema', properties: { a: { type: string } }`,
  ],
  ['with annotations', `properties: { a: { type: string, example: x, x-order: 1, deprecated: true } }`],
  [
    'with a default of its reference',
    `$defs: { M: { enum: [a] } }, properties: { m: { $ref: '#/$defs/M', default: a } }`,
  ],
])('a schema %s loads without a warning', async (_what, schema) => {
  const warnings: string[] = [];
  await compileText('a.yaml', withSchema(schema), (warning) => warnings.push(warning));
  expect(warnings).toEqual([]);
});

it.each([
  [
    'of draft-04',
    `$schema: 'http://json-schema.org/draft-04/schema#'`,
    '$schema "http://json-schema.org/draft-04',
  ],
  ['with a misspelt keyword', 'properties: { a: { minimun: 1 } }', 'did you mean "minimum"'],
  [
    'with a word of another draft',
    `properties: { a: { additionalItems: false } }`,
    '"additionalItems" is no keyword',
  ],
  [
    'with a default that breaks it',
    'properties: { a: { type: integer, default: x } }',
    'default "x" breaks its own schema: it must be integer',
  ],
  [
    'with a default that breaks its reference',
    `$defs: { M: { enum: [a] } }, properties: { m: { $ref: '#/$defs/M', default: b } }`,
    'default "b" breaks',
  ],
  ['with a pattern that is none', `properties: { a: { pattern: '(' } }`, 'pattern "(" cannot be used'],
  [
    'with a reference to nothing',
    `properties: { a: { $ref: '#/$defs/none' } }`,
    '$ref "#/$defs/none" refers to nothing',
  ],
  [
    'with a reference to the network',
    `properties: { a: { $ref: 'https://x.test/a.json' } }`,
    'refers to nothing in this schema',
  ],
  ['that refers to itself', `allOf: [{ $ref: '#' }]`, 'refers to itself without end'],
  [
    'with a file within a list',
    'properties: { a: { type: array, items: { format: file } } }',
    'format "file" is supported for a parameter itself',
  ],
  [
    'with a bad list of media types',
    'properties: { a: { format: file, contentMediaType: png } }',
    'contentMediaType must be a media type',
  ],
  [
    'with a parameter the validator passes over',
    'properties: { __proto__: { type: string } }',
    'cannot be called "__proto__"',
  ],
  ['with an infinite bound', 'properties: { a: { maximum: .inf } }', 'is not a number in JSON'],
])('a schema %s is refused by name', async (_what, schema, reason) => {
  await expect(compileText('a.yaml', withSchema(schema))).rejects.toThrow(reason);
});

it('integers beyond 2^53 are rounded with a warning in a schema and refused in a step', async () => {
  const warnings: string[] = [];
  const schema = 'properties: { seed: { type: integer, default: 12345678901234567890 } }';
  await compileText('a.yaml', withSchema(schema), (warning) => warnings.push(warning));
  expect(warnings).toEqual([
    expect.stringMatching(/^a\.yaml:2: .*seed\.default: 12345678901234567890 is beyond 9007199254740991/),
  ]);
  const text = `${head}do:\n  - a: { run: { shell: { command: x, arguments: [12345678901234567890] } } }\n`;
  await expect(compileText('a.yaml', text)).rejects.toThrow('put it in quotes');
});

it('warnings of the validator are logged with file and line', async () => {
  const warnings: string[] = [];
  const schema = 'properties: { a: { anyOf: [{ properties: { b: { default: 1 } } }] } }';
  await compileText('a.yaml', withSchema(schema), (warning) => warnings.push(warning));
  expect(warnings).toEqual([
    expect.stringMatching(/^a\.yaml:2: input\.schema\.document: default is ignored/),
  ]);
});

it('an endpoint template gets its parameters, and an undeclared one is named', async () => {
  const schema = 'properties: { id: { type: string } }';
  await compileText('a.yaml', withSchema(schema, 'https://x.test/{id}'));
  await expect(compileText('a.yaml', withSchema(schema, 'https://x.test/{ID}'))).rejects.toThrow(
    '"{ID}" names no parameter of input.schema',
  );
});

/** Small inputs that failed once; what is wrong with them, when they are not to load. */
const CASES: Readonly<Record<string, { text: string; refusal?: string }>> = {
  'a parameter with a hyphen': {
    text: withSchema('properties: { guidance-scale: { type: number } }', '${ .guidance-scale }'),
    refusal: 'write ${ .["guidance-scale"] }',
  },
  'a parameter with a hyphen in brackets': {
    text: withSchema('properties: { guidance-scale: { type: number } }', '${ .["guidance-scale"] }'),
  },
  'a parameter within another in brackets': {
    text: withSchema('properties: { a: { properties: { b-c: {} } } }', '${ .a["b-c"] }'),
  },
};

it.each(Object.entries(CASES))(
  'the workflow file %s loads or is refused in a sentence',
  async (_name, { text, refusal }) => {
    const compiled = compileText('a.yaml', text);
    if (refusal === undefined) await expect(compiled).resolves.toMatchObject({ slug: 'example' });
    else await expect(compiled).rejects.toThrow(refusal);
  },
);

const FIXTURES = join(import.meta.dirname, '../../../test/fixtures/definitions');

it.each(readdirSync(FIXTURES))('the reported case %s has the expected result', async (name) => {
  const compiled = compileText(name, readFileSync(join(FIXTURES, name), 'utf8'));
  if (name === 'hyphen.yaml') await expect(compiled).rejects.toThrow('write ${ .["guidance-scale"] }');
  else await expect(compiled).resolves.toMatchObject({ document_version: '1.0.0' });
});
