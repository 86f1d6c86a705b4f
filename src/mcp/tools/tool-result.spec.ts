import { describe, expect, it } from 'vitest';

import { toToolResult } from './tool-result.js';

describe('what a tool returned', () => {
  it.each([
    [{ content: [{ type: 'text', text: 'mine' }], note: 1 }],
    [{ content: [], structuredContent: { a: 1 } }],
    [{ resultType: 'input_required', inputRequests: {} }],
  ])('the result of a tool passes when it is a tool result: %j', (result) => {
    expect(toToolResult(result)).toBe(result);
  });

  it.each([[{ id: '1', content: [] }], [{ content: ['a', 'b'] }], [{ content: [{ size: 1 }] }]])(
    'the result of a tool is wrapped when it only has a field of that name: %j',
    (answer) => {
      expect(toToolResult(answer)).toEqual({
        content: [{ type: 'text', text: JSON.stringify(answer) }],
        structuredContent: answer,
      });
    },
  );
});
