import { describe, expect, it } from 'vitest';

import { onOneLine } from './on-one-line.js';

describe('a log record for people', () => {
  it.each([
    ['a sentence stays as it is', 'agent gpu-01 has connected', 'agent gpu-01 has connected'],
    [
      'fields follow the message, without those that say nothing',
      { message: 'refused', tool: 'run_workflow', status: 404, cause: undefined },
      'refused tool=run_workflow status=404',
    ],
    [
      'a record without a message is its fields',
      { tool: 'get_task', labels: ['a'] },
      'tool=get_task labels=["a"]',
    ],
    [
      'an error is its message, with the stack below',
      { reference: 'r1', error: { name: 'Error', message: 'no', stack: 'Error: no\n    at x' } },
      'reference=r1 error="no"\nError: no\n    at x',
    ],
  ])('%s', (_what, record, line) => expect(onOneLine(record)).toBe(line));
});
