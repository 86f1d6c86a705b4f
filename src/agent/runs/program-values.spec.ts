import { expect, it } from 'vitest';

import { run, shell } from '../../../test/support/executed-run.js';
import type { RunStep } from '../../contract/index.js';

const long = 'x'.repeat(200_000);
const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`p${index}`, 'x'.repeat(100_000)]));
const largest = { ...many, p7: 'x'.repeat(110_000) };
const allOf = (parameters: object): unknown[] => Object.keys(parameters).map((name) => `\${ .${name} }`);

it.each<[string, RunStep, Record<string, unknown>, RegExp]>([
  [
    'an argument',
    shell('true', ['a', '${ .text }']),
    { text: long },
    /: parameter text \(argument 2\) has 200000 bytes, and the system allows at most 131071/,
  ],
  [
    'a variable',
    shell('true', [], { TEXT: '${ .deep.text }' }),
    { deep: { text: long } },
    /: parameter deep\.text \(variable TEXT\) has 200005 bytes/,
  ],
  ['a command', shell(`: ${long}`), {}, /: its command has 200002 bytes/],
  [
    'U+0000',
    shell('true', ['${ .text }']),
    { text: 'a\0b' },
    /: parameter text \(argument 1\) contains .* U\+0000/,
  ],
  [
    'many together',
    shell('true', allOf(largest)),
    largest,
    /together are larger than the system allows\. The largest is parameter p7 \(argument 8\), of 110000 bytes\./,
  ],
])('a value that cannot be passed to a process is named: %s', async (_what, step, parameters, sentence) => {
  await expect(run([step], { parameters }).outcome).rejects.toThrow(/^Step work cannot start: /);
  await expect(run([step], { parameters }).outcome).rejects.toThrow(sentence);
});
