import { createConnection } from 'node:net';

import { expect, it } from 'vitest';

import { errorText } from './error-text.js';

const refused = (address: string): Error =>
  Object.assign(new Error(`connect ECONNREFUSED ${address}:1`), { code: 'ECONNREFUSED' });
const empty = (code: string): Error => Object.assign(new Error(''), { code });

it.each([
  ['its message', new Error('the file is gone'), 'the file is gone'],
  ['its code when the message is empty', empty('ECONNREFUSED'), 'ECONNREFUSED'],
  [
    'the messages of all its errors when its own is empty',
    Object.assign(new AggregateError([refused('::1'), refused('127.0.0.1')]), { code: 'ECONNREFUSED' }),
    'connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1',
  ],
  ['the same reason once', new AggregateError([empty('ETIMEDOUT'), empty('ETIMEDOUT')]), 'ETIMEDOUT'],
  ['its cause when it says nothing itself', new Error('', { cause: empty('EPIPE') }), 'EPIPE'],
  ['its name when there is nothing else', new TypeError(''), 'TypeError'],
  ['a value that is no error', 'a text', 'a text'],
  ['something for an empty value', '', 'unknown reason'],
])('the text of an error is %s', (_what, error, text) => {
  expect(errorText(error)).toBe(text);
});

it('the text of an error says why none of the addresses of a host can be reached', async () => {
  const lookup = (_host: string, _options: object, done: (error: null, found: object[]) => void): void =>
    done(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ]);
  const socket = createConnection({ host: 'both.test', port: 1, lookup } as never);
  const error = await new Promise<Error>((resolve) => socket.once('error', resolve));
  expect(error.message).toBe('');
  expect(errorText(error)).toContain('ECONNREFUSED');
});
