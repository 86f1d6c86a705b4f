import { expect, it } from 'vitest';

import { failureOf, ProcessEnded } from './service-failure.js';

const logOf = (line: string, environment: Record<string, string>): string | undefined =>
  failureOf(new ProcessEnded(1, undefined), [line], environment).log_lines[0];

it('a failure contains the exit code and the last 20 lines, shortened and without control characters', () => {
  const lines = Array.from({ length: 30 }, (_none, index) => `line ${index}`);
  const failure = failureOf(
    new ProcessEnded(7, undefined),
    [...lines, '\u001B[31mred\u0007', 'x'.repeat(900)],
    {},
  );
  expect(failure).toMatchObject({ reason: 'exit code 7', exit_code: 7 });
  expect(failure.log_lines).toHaveLength(20);
  expect(failure.log_lines.slice(-3)).toEqual(['line 29', 'red ', `${'x'.repeat(300)}…`]);
  expect(failureOf(new ProcessEnded(undefined, 'SIGKILL'), [], {})).toEqual({
    reason: 'ended by SIGKILL',
    log_lines: [],
  });
});

it.each([
  ['as it is', 'token=s3cr3t!', { TOKEN: 's3cr3t!' }],
  ['within JSON', String.raw`token="a\"b c"`, { TOKEN: 'a"b c' }],
  ['within a URL', 'token=a%26b%3Dc', { TOKEN: 'a&b=c' }],
  ['in base64', 'token=czNjcjN0IQ==', { TOKEN: 's3cr3t!' }],
  ['line by line', 'token=second line', { TOKEN: 'first\nsecond line' }],
  ['with one that begins alike', 'token=secret-long', { A: 'secret', B: 'secret-long' }],
  ['cut off by the end of a line', `token=${'k'.repeat(100)}`, { TOKEN: 'k'.repeat(5000) }],
])('a failure masks a value of the environment %s', (_how, line, environment) => {
  expect(logOf(line, environment)?.replaceAll('"', '')).toBe('token=[hidden]');
});

it('a failure does not mask values that are too short for a secret', () => {
  expect(logOf('listening on 1 port, debug on', { DEBUG: '1', MODE: 'on' })).toBe(
    'listening on 1 port, debug on',
  );
});
