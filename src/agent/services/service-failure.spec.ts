import { expect, it } from 'vitest';

import { NO_SECRETS, SecretMask } from '../processes/secret-mask.js';
import { failureOf, ProcessEnded } from './service-failure.js';

it('a failure contains the exit code and the last 20 lines, shortened', () => {
  const lines = Array.from({ length: 30 }, (_none, index) => `line ${index}`);
  const failure = failureOf(new ProcessEnded(7, undefined), [...lines, 'x'.repeat(900)], NO_SECRETS);
  expect(failure).toMatchObject({ reason: 'exit code 7', exit_code: 7 });
  expect(failure.log_lines).toHaveLength(20);
  expect(failure.log_lines.slice(-3)).toEqual(['line 28', 'line 29', `${'x'.repeat(300)}…`]);
  expect(failureOf(new ProcessEnded(undefined, 'SIGKILL'), [], NO_SECRETS)).toEqual({
    reason: 'ended by SIGKILL',
    signal: 'SIGKILL',
    log_lines: [],
  });
});

it('the reason of a failure does not show a secret', () => {
  const mask = SecretMask.of(['s3cr3t!']);
  expect(failureOf(new Error('spawn s3cr3t! ENOENT'), [], mask).reason).toBe('spawn [hidden] ENOENT');
});
