import { expect, it } from 'vitest';

import { redact } from './redact.js';

it.each([
  ['a key in a sentence', 'key sk-abcdef123456 refused'],
  ['a key with the letters of RFC 6750', 'key sk-abcdef.~+/abcdef123456 refused'],
  ['a key in an object', { headers: { authorization: 'Bearer ak-abcdef123456' } }],
  ['an access token', 'Bearer eyJhbGciOiJSUzI1NiJ9.abcdef123456.abcdef123456 refused'],
  ['a key in the cause of an error', new Error('outer', { cause: new Error('dk-abcdef123456') })],
  ['the signature of a link', ['http://h/f?X-Amz-Credential=abcdef123456&X-Amz-Signature=abcdef123456']],
  ['the token of a short link', 'GET https://h/api/v1/links/abcdef123456'],
  ['the token of an upload in parts', 'https://h/api/v1/uploads/abcdef123456/parts?from=1'],
])('redact masks %s', (_what, value) => {
  const logged = JSON.stringify(redact(value));
  expect(logged).not.toContain('abcdef123456');
  expect(logged).toContain('…');
});

it('redact keeps the beginning of a key that is shown as such', () => {
  expect(redact('the key sk-abcdef123… of a team')).toBe('the key sk-abcdef123… of a team');
  expect(redact('the key sk-abcdef1234… of a team')).toBe('the key sk-…… of a team');
});

it('redact keeps everything else', () => {
  expect(redact({ tool: 'run_workflow', status: 404, list: [true, null] })).toEqual({
    tool: 'run_workflow',
    status: 404,
    list: [true, null],
  });
});
