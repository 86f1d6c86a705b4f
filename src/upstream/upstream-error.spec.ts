import { expect, it } from 'vitest';

import { rejectionBody } from './upstream-error.js';

const KEY = 'sk-secret-of-the-caller';
const body = (status: number, answer: unknown, retryAfter?: string) =>
  rejectionBody(
    {
      status,
      headers: { 'retry-after': retryAfter },
      data: Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer)),
    },
    KEY,
  );

it.each([
  ['the documented field', { error_message: 'resource not found', message: 'other' }],
  ['message', { message: 'resource not found', error: 'Not Found' }],
  ['error', { error: 'resource not found' }],
])('rejectionBody takes the reason from %s', (_name, answer) => {
  expect(body(409, answer)).toEqual({ error_message: 'resource not found' });
});

it.each([
  ['a page', '<html><script>alert(1)</script></html>'],
  ['a list', ['x']],
  ['a field of another type', { error_message: { text: 'x' } }],
  ['nothing', ''],
])('rejectionBody writes its own sentence when the response is %s', (_name, answer) => {
  expect(body(502, answer).error_message).toBe('The runtime refused with status 502 and gave no reason.');
});

it('rejectionBody drops fields that the contract does not name', () => {
  const answer = { error_message: 'no', stack: 'planted', retry_after_seconds: 3, feature: 'x' };
  expect(body(400, answer)).toEqual({ error_message: 'no', retry_after_seconds: 3 });
});

it.each([
  [401, 'Do not retry; ask the user for a new sk- key.'],
  [403, 'tell the user which permission or feature is missing.'],
  [404, 'Check the id or slug with the matching list tool.'],
  [429, 'Wait for retry_after_seconds, or 10 s where it is missing'],
])('rejectionBody adds the next step for status %i', (status, step) => {
  const { error_message } = body(status, { error_message: 'no' });
  expect(error_message).toMatch(/^no\. /);
  expect(error_message).toContain(step);
});

it('rejectionBody has why a service fails, in lines of bounded length and without keys', () => {
  const log_lines = [
    ...Array.from({ length: 30 }, (_, line) => `line ${line}`),
    `\u001b[1m${KEY}${'x'.repeat(999)}`,
  ];
  const last_failure = { reason: 'exit code 7', exit_code: 7, log_lines, stack: 'planted' };
  const shown = body(409, { error_message: 'no', last_failure }).last_failure;
  expect(shown).toEqual({ reason: 'exit code 7', exit_code: 7, log_lines: expect.any(Array) });
  expect(shown?.log_lines).toHaveLength(20);
  expect(shown?.log_lines?.at(-1)).toMatch(/^\[1m\[key\]x+…$/);
  expect(body(409, { error_message: 'no', last_failure: 'planted' })).toEqual({ error_message: 'no' });
});

it('rejectionBody makes one line of bounded length', () => {
  const { error_message } = body(400, { error_message: `a\nb${'x'.repeat(10_000)}` });
  expect(error_message).toMatch(/^a bx+…$/);
  expect(error_message.length).toBeLessThan(2100);
});

it('rejectionBody masks whole keys, but not a prefix that names a key', () => {
  const answer = {
    error_message: `key ${KEY} is revoked, not ak-another-one-of-this-team nor sk-abcd1234`,
  };
  expect(body(400, answer).error_message).toBe('key [key] is revoked, not [key] nor sk-abcd1234');
});

it.each([
  ['cut off at the end of a long text', `${'x'.repeat(1990)} ${KEY}`],
  ['with the letters RFC 6750 allows', 'see sk-abcdefgh.secret~of+the/caller'],
])('rejectionBody masks every part of a key %s', (_how, error_message) => {
  expect(body(400, { error_message }).error_message).not.toMatch(/sk-|secret|caller/);
});

it.each([
  ['seconds', '7', 7],
  ['a date', new Date(Date.now() + 90_000).toUTCString(), expect.closeTo(90, -1)],
  ['a date gone by', 'Wed, 21 Oct 2015 07:28:00 GMT', 0],
])('rejectionBody returns when to retry, given %s', (_form, header, seconds) => {
  expect(body(429, { error_message: 'no' }, header).retry_after_seconds).toEqual(seconds);
});

it.each(['', 'soon', undefined])('rejectionBody returns no retry time when the header is %j', (header) => {
  expect(body(429, { error_message: 'no' }, header)).not.toHaveProperty('retry_after_seconds');
});
