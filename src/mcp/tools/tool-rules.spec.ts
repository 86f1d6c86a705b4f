import { expect, it } from 'vitest';
import { z } from 'zod';

import { jsonSchemaOf } from './json-schema.js';
import { type ShownTool, TOOL_RULES } from './tool-rules.js';

const input = (shape: z.ZodRawShape) => jsonSchemaOf(z.object(shape), 'input');
const errors = { error_message: z.string().optional(), retry_after_seconds: z.number().optional() };
const READS = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };

const GOOD: ShownTool = {
  name: 'list_invoices',
  title: 'List invoices',
  description: 'List the invoices of a customer.',
  inputSchema: input({ customer: z.string().describe('Name of the customer') }),
  outputSchema: jsonSchemaOf(z.looseObject(errors), 'output'),
  annotations: { title: 'List invoices', ...READS },
};

/** What the rules say about a tool, in their order. */
const faultsIn = (tool: ShownTool): string[] =>
  TOOL_RULES.flatMap(({ sentence, faultIn }) => {
    const fault = faultIn(tool);
    return fault === undefined ? [] : [`${sentence}: ${fault}`];
  });

it('a tool that follows all rules has no fault', () => expect(faultsIn(GOOD)).toEqual([]));

it.each<[string, Partial<ShownTool>, RegExp]>([
  ['a name of one word', { name: 'invoices' }, /snake_case: give it a name such as list_invoices$/],
  ['a name in camelCase', { name: 'listInvoices' }, /snake_case: give it a name/],
  ['no title', { title: undefined }, /set annotations\.title/],
  ['two titles', { title: 'Invoices' }, /and no other title$/],
  [
    'a missing hint',
    { annotations: { title: 'List invoices', ...READS, openWorldHint: undefined } },
    /set annotations\.openWorldHint to/,
  ],
  [
    'hints against one another',
    { annotations: { title: 'List invoices', ...READS, destructiveHint: true } },
    /is not destructive$/,
  ],
  ['no description', { description: undefined }, /capital letter and end it with a full stop/],
  ['a long description', { description: `A${'b'.repeat(400)}.` }, /shorten it: it has 402$/],
  [
    'an input without a description',
    { inputSchema: input({ customer: z.string() }) },
    /add \.describe\(…\) to customer$/,
  ],
  [
    'a nested input without one',
    { inputSchema: input({ body: z.object({ day: z.string() }).describe('The request') }) },
    /to day$/,
  ],
  [
    'a pattern',
    { inputSchema: input({ day: z.string().regex(/^x/).describe('The day') }) },
    /leave out #\/properties\/day\/pattern$/,
  ],
  [
    'an input of two types',
    { inputSchema: input({ day: z.union([z.string(), z.number()]).describe('The day') }) },
    /one type each: give day one type$/,
  ],
  [
    'an input that takes anything',
    { inputSchema: { type: 'object' } },
    /pass its parameters through advertised/,
  ],
  [
    'an input that is no object',
    { inputSchema: { type: 'string', additionalProperties: false } },
    /make its input an object$/,
  ],
  ['no output schema', { outputSchema: undefined }, /advertised\(outputOf\(…\)\)$/],
  [
    'a closed output schema',
    { outputSchema: jsonSchemaOf(z.strictObject(errors), 'output') },
    /advertised\(outputOf/,
  ],
])('a tool with %s has one fault, which says what to do', (_what, changed, fault) => {
  const faults = faultsIn({ ...GOOD, ...changed });
  expect(faults).toEqual([expect.stringMatching(fault)]);
});
