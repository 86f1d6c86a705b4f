import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { compileText } from '../../../test/support/compile.js';
import { packagePaths } from '../../config/index.js';
import type { ParametersSchema } from './compiled-workflow.js';
import { shownParameters } from './parameter-defs.js';

const PYDANTIC = join(packagePaths.root, 'test/fixtures/definitions/pydantic.yaml');

const typesOf = (properties: object, more: object = {}): Record<string, string | undefined> => {
  const schema = { type: 'object', properties, ...more } as ParametersSchema;
  return Object.fromEntries(shownParameters(schema).parameters.map(({ key, type }) => [key, type]));
};

it('the parameters of a pydantic schema are listed with their types', async () => {
  const { schema } = await compileText('pydantic.yaml', readFileSync(PYDANTIC, 'utf8'));
  const { parameters, parameters_schema } = shownParameters(schema);
  expect(parameters).toMatchObject([
    { key: 'n', type: 'integer', label: 'N', required: false, default: null },
    { key: 'mode', type: 'select', label: 'Mode', options: ['fast', 'slow'], default: 'fast' },
    { key: 'box', type: 'object', label: 'Box', required: true },
    { key: 'tags', type: 'array', label: 'Tags' },
    { key: 'ratio', type: 'number' },
    { key: 'kind', type: 'select', options: ['image'], default: 'image' },
    { key: 'when', type: 'string' },
    { key: 'wh', type: 'array' },
  ]);
  expect(parameters_schema).toEqual(schema);
});

it('several types, no type, and a shape without a type are listed', () =>
  expect(
    typesOf({
      either: { anyOf: [{ type: 'string' }, { type: 'integer' }, { type: 'null' }] },
      listed: { type: ['number', 'null'] },
      any: { title: 'Any' },
      shape: { properties: { a: {} } },
      list: { prefixItems: [{}] },
      file: { allOf: [{ type: 'string', format: 'file' }] },
    }),
  ).toEqual({
    either: 'string | integer',
    listed: 'number',
    any: 'any',
    shape: 'object',
    list: 'array',
    file: 'file',
  }));

it('a circular or dangling reference is listed as any', () =>
  expect(
    typesOf(
      { circle: { $ref: '#/$defs/A' }, gone: { $ref: '#/$defs/B' }, far: { $ref: 'https://example.com' } },
      { $defs: { A: { $ref: '#/$defs/A' } } },
    ),
  ).toEqual({ circle: 'any', gone: 'any', far: 'any' }));

it('an enum in a choice is listed with all its options', () => {
  const both = { anyOf: [{ enum: ['a'] }, { const: 1 }, { type: 'null' }] };
  const schema = { type: 'object', properties: { both } };
  expect(shownParameters(schema as ParametersSchema).parameters).toMatchObject([
    { type: 'select', options: ['a', 1] },
  ]);
});

it('a schema that is too long is left out with a note', () => {
  const properties = { a: { type: 'string', description: 'x'.repeat(20_000) } };
  const shown = shownParameters({ type: 'object', properties });
  expect(shown).not.toHaveProperty('parameters_schema');
  expect(shown.note).toMatch(/parameters_schema is left out: it has 20\d+ characters/);
});
