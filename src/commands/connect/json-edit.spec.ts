import * as fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { expect, it } from 'vitest';

import type { JsonSetting } from '../../clients/index.js';
import { restoreJson, setJson } from './json-edit.js';
import { readText } from './text-format.js';

const VALUE = { url: 'http://127.0.0.1:8080/api/v1/mcp', headers: { Authorization: 'Bearer sk-x' } };
const ENTRY: JsonSetting = { path: ['mcpServers', 'cyberun'], value: VALUE };
const INPUT: JsonSetting = {
  path: ['inputs'],
  itemId: 'cyberun-key',
  value: { id: 'cyberun-key', password: true },
};

const formatOf = (text: string) => readText(Buffer.from(text)).format;
const set = (text: string, settings: readonly JsonSetting[] = [ENTRY]) =>
  setJson(text, settings, formatOf(text));
const restored = (text: string, settings: readonly JsonSetting[] = [ENTRY]): string => {
  const { text: edited, before } = set(text, settings);
  return restoreJson(edited, before);
};
const valueIn = (text: string): unknown => parse(text, [], { allowTrailingComma: true });

it('an entry is added beside others, and everything else stays as it is written', () => {
  const text = `{
\t// mine
\t"mcpServers": {
\t\t"other": { "command": "npx", "args": ["-y", "other"] }, /* keep */
\t},
\t"theme": "dark"
}
`;
  const { text: edited } = set(text);
  expect(valueIn(edited)).toEqual({
    mcpServers: { other: { command: 'npx', args: ['-y', 'other'] }, cyberun: VALUE },
    theme: 'dark',
  });
  for (const kept of [
    '\t// mine\n',
    '{ "command": "npx", "args": ["-y", "other"] }',
    '/* keep */',
    '\t"theme": "dark"\n',
  ])
    expect(edited).toContain(kept);
  expect(edited).toContain('\n\t\t"cyberun": {\n\t\t\t"url"');
});

it('line ends of Windows stay, also in what is added', () => {
  const text = '{\r\n    "mcpServers": {}\r\n}\r\n';
  const { text: edited } = set(text);
  expect(edited.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  expect(edited).toContain('\r\n        "cyberun": {');
});

it.each(['', '\n', '{}', '{ "mcpServers": {} }\n', '// nothing yet\n{}\n'])(
  'an entry is added to a file with %j, and taken out again',
  (text) => {
    expect(valueIn(set(text).text)).toEqual({ mcpServers: { cyberun: VALUE } });
    expect(valueIn(restored(text))).toEqual(text.trim() === '' ? {} : valueIn(text));
  },
);

it('an undo puts back an entry as it was written, with its comments', () => {
  const text = '{"mcpServers": {"cyberun": {"url": "http://old", /* old */ "n": 1.0}, "b": {}}}';
  expect(restored(text)).toBe(text);
});

it('an undo keeps what was changed elsewhere since, and does nothing when the entry is gone', () => {
  const { text, before } = set('{\n  "theme": "dark"\n}\n');
  const later = text
    .replace('"dark"', '"light"')
    .replace('"mcpServers": {', '"mcpServers": {\n    "new": {},');
  expect(valueIn(restoreJson(later, before))).toEqual({
    theme: 'light',
    mcpServers: { new: {} },
  });
  expect(restoreJson('{ "theme": 1 }', before)).toBe('{ "theme": 1 }');
});

it('the question for a key is added to a list once, and only it is taken out again', () => {
  const text = '{ "inputs": [{ "id": "other" }], "mcpServers": {} }';
  const once = set(text, [INPUT, ENTRY]);
  expect(set(once.text, [INPUT, ENTRY]).text).toBe(once.text);
  expect(valueIn(once.text)).toMatchObject({ inputs: [{ id: 'other' }, { id: 'cyberun-key' }] });
  expect(valueIn(restored(text, [INPUT, ENTRY]))).toEqual(valueIn(text));
  expect(valueIn(restored('{}', [INPUT, ENTRY]))).toEqual({});
});

it.each([
  ['{ "mcpServers": { "a": }', 'not valid JSON: in line 1 a value is missing'],
  ['{\n "a": "b\n}', 'not valid JSON: in line 2 a text has no closing quote'],
  ['[]', 'it is JSON, but not an object'],
  ['{ "mcpServers": [] }', '"mcpServers" in it is not an object'],
  ['{ "mcpServers": {}, "mcpServers": {} }', 'it has "mcpServers" twice; remove one'],
])('the file %j is refused', (text, reason) => {
  expect(() => set(text)).toThrow(reason);
});

it('a list of questions that is no list is refused', () =>
  expect(() => set('{ "inputs": {} }', [INPUT])).toThrow('"inputs" in it is not a list'));

it('any object gets the entry, keeps the rest, and is the same after an undo', () => {
  const small = { noNullPrototype: true, maxKeys: 3 };
  const value = fc.jsonValue({ maxDepth: 1 });
  const server = fc.dictionary(fc.string(), value, small);
  const file = fc.record(
    {
      mcpServers: fc.dictionary(fc.string(), server, small),
      inputs: fc.array(server, { maxLength: 3 }),
      theme: value,
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  const indent = fc.constantFrom(undefined, 2, 4, '\t');
  fc.assert(
    fc.property(file, indent, fc.boolean(), (given, space, isWindows) => {
      const json = JSON.stringify(given, undefined, space);
      fc.pre(!json.includes('__proto__'));
      const text = isWindows ? json.replaceAll('\n', '\r\n') : json;
      const edited: unknown = JSON.parse(set(text, [INPUT, ENTRY]).text);
      const { mcpServers, inputs } = JSON.parse(text) as { mcpServers?: object; inputs?: object[] };
      expect(edited).toMatchObject({ mcpServers: { ...mcpServers, cyberun: VALUE } });
      expect((edited as { inputs: unknown[] }).inputs).toHaveLength((inputs?.length ?? 0) + 1);
      expect(JSON.parse(restored(text, [INPUT, ENTRY]))).toEqual(JSON.parse(text));
    }),
    { numRuns: 100 },
  );
});
