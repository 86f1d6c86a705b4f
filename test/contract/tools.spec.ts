import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';

import { type ShownTool, TOOL_RULES } from '../../src/mcp/index.js';
import { listedTools, stableJson } from './surface.js';
import { toolsPage } from './tools-page.js';

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

it('the endpoint has tools, each with a unique name', () => {
  expect(tools).not.toHaveLength(0);
  expect(new Set(every.map(({ name }) => name)).size).toBe(every.length);
});

describe.each(every)('$name', ({ name, title, description = '', inputSchema, outputSchema, annotations }) => {
  it('a tool has not changed since its snapshot was written', async () => {
    const surface = { name, title, description, inputSchema, outputSchema, annotations };
    await expect(stableJson(surface)).toMatchFileSnapshot(`./tools/${name}.json`);
  });

  it.each(TOOL_RULES)('a tool follows the rule that $sentence', ({ faultIn }) => {
    const shown = { name, title, description, inputSchema, outputSchema, annotations };
    expect(faultIn(shown as ShownTool)).toBeUndefined();
  });

  it('a tool of the product has a name and a title of plain words', () => {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)+$/);
    expect(title).toMatch(/^[A-Z][a-z]+( [a-z]+)+$/);
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
