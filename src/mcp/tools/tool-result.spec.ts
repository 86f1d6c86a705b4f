import { expect, it } from 'vitest';

import { encodeResult, toNewResult, toToolResult, withExtras } from './tool-result.js';

const TOKENS = 8000;

it.each([
  [{ content: [{ type: 'text', text: 'mine' }], note: 1 }],
  [{ content: [], structuredContent: { a: 1 } }],
  [{ resultType: 'input_required', inputRequests: {} }],
])('the result of a tool passes when it is a tool result: %j', (result) => {
  expect(toToolResult(result, TOKENS)).toBe(result);
});

it.each([[{ id: '1', content: [] }], [{ content: ['a', 'b'] }], [{ content: [{ size: 1 }] }]])(
  'the result of a tool is wrapped when it only has a field of that name: %j',
  (answer) => {
    expect(toToolResult(answer, TOKENS)).toEqual({
      content: [{ type: 'text', text: JSON.stringify(answer) }],
      structuredContent: answer,
    });
  },
);

it.each<[what: string, value: unknown]>([
  ['an object', { text: 'a "quoted" line\n', list: [1, { deep: null }], gone: undefined }],
  ['characters of all kinds', { text: '\u2028 \ud800 é 😀 \u0000' }],
  ['an object with its own JSON', { at: new Date(0), toJSON: () => ({ other: true }) }],
  ['an object without JSON', { toJSON: () => undefined }],
  ['a text', 'text'],
  ['a list', [1, 2]],
  ['more than fits', { list: Array.from({ length: 20_000 }, (_, index) => index), text: 'kept' }],
  ['nothing', undefined],
  ['a result', { content: [{ type: 'text', text: 'free' }], structuredContent: { a: 1 } }],
  ['links', withExtras({ a: 1 }, { content: [{ type: 'resource_link', uri: 'file:///x', name: 'x' }] })],
])('encodeResult writes the JSON of the tool result for %s', (_what, value) => {
  expect(encodeResult(toNewResult(value, TOKENS))).toBe(JSON.stringify(toToolResult(value, TOKENS)));
});
