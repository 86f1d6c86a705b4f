import { expect, it } from 'vitest';

import { RunTokens } from './run-token.js';

const run = { task_id: '0199f3a2-7c1d-7e10-8a55-0123456789ab', attempt: 1 };

it('a token names its run, also to the next process with the same key', () => {
  const token = new RunTokens('ak-key').of(run);
  expect(token).toMatch(/^ak-\S+$/);
  expect(new RunTokens('ak-key').runOf(token)).toEqual(run);
});

it('a token counts for no other run, and at no other agent', () => {
  const tokens = new RunTokens('ak-key');
  const token = tokens.of(run);
  expect(tokens.of({ ...run, attempt: 2 })).not.toBe(token);
  const others = [token.replace('.1.', '.2.'), `${token}x`, token.slice(0, -1), 'ak-key', ''];
  for (const other of others) expect(tokens.runOf(other)).toBeUndefined();
  expect(new RunTokens('ak-other').runOf(token)).toBeUndefined();
  expect(token).not.toContain('ak-key');
});
