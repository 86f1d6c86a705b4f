import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';

import { unportable } from './portable.js';
import { listedTools, type Schema, stableJson } from './surface.js';
import { toolsPage } from './tools-page.js';

const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'];
const ERROR_FIELDS = ['error_message', 'retry_after_seconds'];
/** Fields with what a task, a service or a log wrote, and lists of such. */
const THIRD_PARTY = new Set([
  'task_list',
  'task_output',
  'task_error',
  'task_log',
  'log',
  'last_failure',
  'body_text',
  'body_json',
  'text',
  'json',
]);

const { tools, toolsets } = await listedTools();
const every = [...tools, ...Object.values(toolsets).flat()];

const tokensOf = (value: unknown): number => countTokens(JSON.stringify(value));
const fieldsOf = ({ properties = {} }: Schema): [string, Schema][] =>
  Object.entries(properties).flatMap(([name, schema]) => [[name, schema], ...fieldsOf(schema)]);

it('the endpoint has tools, each with a unique name', () => {
  expect(tools).not.toHaveLength(0);
  expect(new Set(every.map(({ name }) => name)).size).toBe(every.length);
});

describe.each(every)('$name', ({ name, title, description = '', inputSchema, outputSchema, annotations }) => {
  it('a tool has not changed since its snapshot was written', async () => {
    const surface = { name, title, description, inputSchema, outputSchema, annotations };
    await expect(stableJson(surface)).toMatchFileSnapshot(`./tools/${name}.json`);
  });

  it('a tool is named verb first, in snake_case', () => expect(name).toMatch(/^[a-z]+(_[a-z]+)+$/));

  it('a tool has a title, the same for every generation of clients', () => {
    expect(title).toMatch(/^[A-Z][a-z]+( [a-z]+)+$/);
    expect(annotations).toMatchObject({ title });
  });

  it('a tool gives all four hints, and none against another', () => {
    for (const hint of HINTS) expect(annotations?.[hint], hint).toBeTypeOf('boolean');
    expect(annotations?.['readOnlyHint'] === true && annotations['destructiveHint'] === true).toBe(false);
    expect(annotations?.['readOnlyHint'] === true && annotations['idempotentHint'] !== true).toBe(false);
  });

  it('a tool has a description of a few sentences', () => {
    expect(description).toMatch(/^[A-Z].{20,}\.$/);
    expect(description.length).toBeLessThanOrEqual(400);
  });

  it('a tool describes where the value of every input comes from', () => {
    for (const [field, schema] of fieldsOf(inputSchema)) {
      expect(schema.description, field).toMatch(/^.{5,250}$/);
    }
  });

  it('a tool has schemas every client understands', () => {
    expect(inputSchema.type).toBe('object');
    expect([...unportable(inputSchema), ...unportable(outputSchema)]).toEqual([]);
    for (const [field, { type, anyOf }] of fieldsOf(inputSchema)) {
      expect([typeof type, anyOf], field).toEqual(['string', undefined]);
    }
  });

  it('a tool accepts only the arguments it names', () =>
    expect(inputSchema.additionalProperties).toBe(false));

  it('a tool has an open output schema with optional fields, those of an error included', () => {
    expect(outputSchema).toMatchObject({ type: 'object' });
    expect(outputSchema?.required ?? []).toEqual([]);
    expect(outputSchema?.additionalProperties ?? {}).toEqual({});
    expect(Object.keys(outputSchema?.properties ?? {})).toEqual(expect.arrayContaining(ERROR_FIELDS));
  });

  it('a tool lists the field that marks text of tasks and services when its answer may have some', () => {
    const fields = Object.keys(outputSchema?.properties ?? {});
    expect(fields.includes('untrusted')).toBe(fields.some((field) => THIRD_PARTY.has(field)));
  });

  it('a tool costs a model at most 400 tokens', () => {
    expect(tokensOf({ name, description, inputSchema })).toBeLessThanOrEqual(400);
  });
});

it('all tools of every connection together cost a model at most 3,000 tokens', () => {
  const cost = tools.map(({ name, description, inputSchema }) =>
    tokensOf({ name, description, inputSchema }),
  );
  expect(cost.reduce((sum, tokens) => sum + tokens, 0)).toBeLessThanOrEqual(3000);
});

it('the list of the tools of every connection has at most 6,500 tokens', () =>
  expect(tokensOf({ tools })).toBeLessThanOrEqual(6500));

it('docs/tools.md describes all tools', async () => {
  await expect(toolsPage(tools, toolsets)).toMatchFileSnapshot('../../docs/tools.md');
});

it('every snapshot of a tool belongs to an existing tool', () => {
  const promised = readdirSync(join(import.meta.dirname, 'tools')).map((file) => file.replace('.json', ''));
  expect(every.map(({ name }) => name)).toEqual(expect.arrayContaining(promised));
});
