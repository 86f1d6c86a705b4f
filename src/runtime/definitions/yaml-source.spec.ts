import { expect, it } from 'vitest';

import { YamlReader } from './yaml-source.js';

const reader = new YamlReader({ cpuMs: 500 });
const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  .concat(
    'bcdefghi'
      .split('')
      .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`)}]`),
  )
  .join('\n');

it('a YAML text is parsed to its value, with the line of every part', async () => {
  const source = await reader.read('a.yaml', 'a:\n  - b: 1\n  - c: &x { d: 2 }\ne: *x\n');
  expect(source.value).toEqual({ a: [{ b: 1 }, { c: { d: 2 } }], e: { d: 2 } });
  expect(source.error(['a', 1, 'c', 'd'], 'no').message).toBe('a.yaml:3: no');
  expect(source.error(['e', 'd'], 'no').message).toBe('a.yaml:4: no');
});

it.each([
  ['of keys within keys, exponential to turn into values', '? '.repeat(500), 1, 'a key must be'],
  ['of aliases that multiply', bomb, 1, 'Excessive alias count'],
  ['nested without end', '['.repeat(10_000), 1, ''],
  ['nested too deeply', `a: ${'['.repeat(150)}${']'.repeat(150)}`, 1, 'nested more than 100 levels deep'],
  ['with a key twice', 'a: 1\nb: 2\na: 3\n', 3, 'the key "a" is there twice'],
  ['with a list as a key', 'a: 1\n? [b]\n: 2\n', 2, 'a key must be a string'],
  ['with an unknown tag', 'a: 1\nb: !secret x\n', 2, 'Unresolved tag: !secret'],
  ['with an alias to nothing', 'a: 1\nb: *c\n', 2, 'the alias *c refers to no anchor'],
  ['with a number JSON lacks', 'a: .nan\n', 1, 'is not a number in JSON'],
  ['of two documents', 'a: 1\n---\nb: 2\n', 2, 'multiple documents'],
  ['of a list', '- a\n', 1, 'the file must be a mapping'],
  ['of nothing', '', 1, 'the file must be a mapping'],
])('the YAML text %s is refused with line and reason', async (_what, text, line, reason) => {
  await expect(reader.read('a.yaml', text)).rejects.toMatchObject({
    name: 'DefinitionError',
    line,
    reason: expect.stringContaining(reason),
  });
});

it('a YAML text with 20,000 keys is parsed in time', async () => {
  const text = Array.from({ length: 20_000 }, (_none, index) => `key${index}: ${index}`).join('\n');
  const source = await new YamlReader().read('a.yaml', text);
  expect(Object.keys(source.value as object)).toHaveLength(20_000);
});
