import { expect, it } from 'vitest';

import { SecretMask } from './secret-mask.js';

it.each([
  ['as it is', 'token=s3cr3t!', { TOKEN: 's3cr3t!' }],
  ['within JSON', String.raw`token="a\"b c"`, { TOKEN: 'a"b c' }],
  ['within a URL', 'token=a%26b%3Dc', { TOKEN: 'a&b=c' }],
  ['in base64', 'token=czNjcjN0IQ==', { TOKEN: 's3cr3t!' }],
  ['line by line', 'token=second line', { TOKEN: 'first\nsecond line' }],
  ['with one that begins alike', 'token=secret-long', { A: 'secret', B: 'secret-long' }],
  ['with words, longer than what is recognised', `token=${'word '.repeat(40)}`, { A: 'word '.repeat(40) }],
  ['cut off by the end of a line', `token=${'k'.repeat(100)}`, { TOKEN: 'k'.repeat(5000) }],
])('a mask hides a value %s', (_how, line, values) => {
  expect(SecretMask.of(Object.values(values)).hide(line).replaceAll('"', '')).toBe('token=[hidden]');
});

it('a mask does not hide values that are too short for a secret', () => {
  expect(SecretMask.of(['1', 'on']).hide('listening on 1 port, debug on')).toBe(
    'listening on 1 port, debug on',
  );
});
