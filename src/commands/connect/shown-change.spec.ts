import { expect, it } from 'vitest';

import { shownChange } from './shown-change.js';

const lines = (...all: string[]): string => all.map((line) => `${line}\n`).join('');

it('a change at two places is shown without the lines between them', () =>
  expect(shownChange(lines('a', 'secret one', 'b'), lines('a', 'x', 'secret one', 'b', '', 'y'))).toBe(
    ['@@ line 2 @@', '+ x', '@@ line 4 @@', '+', '+ y'].join('\n'),
  ));

it('a line that is replaced is shown before and after', () =>
  expect(shownChange(lines('a', 'b', 'c'), lines('a', 'B', 'c'))).toBe('@@ line 2 @@\n- b\n+ B'));

it('a file on one line is shown only where it changes', () => {
  const before = `{"token":"${'0'.repeat(200)}","servers":{"a":1}}`;
  expect(shownChange(before, before.replace('{"a":1}', '{"a":1,"b":2}'))).toBe('@@ line 1 @@\n+ …,"b":2…');
});

it.each([
  ['"Authorization": "Bearer sk-0123456789"', '"Authorization": "Bearer …"'],
  ['"Authorization": "Bearer ${env:CYBERUN_API_KEY}"', '"Authorization": "Bearer ${env:CYBERUN_API_KEY}"'],
  ['TOKEN = "ghp_0123456789abcdef"', 'TOKEN = "…"'],
  ['"args": ["-y", "mcp-remote", "--transport"]', '"args": ["-y", "mcp-remote", "--transport"]'],
])('of the line %s the key is not shown', (line, shown) =>
  expect(shownChange('', lines(line))).toBe(`@@ line 1 @@\n+ ${shown}`),
);
