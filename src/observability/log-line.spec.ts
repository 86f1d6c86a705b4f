import { expect, it } from 'vitest';

import { logLine } from './log-line.js';

it.each([
  ['keeps a sentence as it is', 'agent gpu-01 has connected', 'agent gpu-01 has connected'],
  [
    'writes the defined fields after the message',
    { message: 'refused', tool: 'run_workflow', status: 404, cause: undefined },
    'refused tool=run_workflow status=404',
  ],
  [
    'writes a record without a message as its fields',
    { tool: 'get_task', labels: ['a'] },
    'tool=get_task labels=["a"]',
  ],
  [
    'writes an error as its message, with the stack below',
    { reference: 'r1', error: { name: 'Error', message: 'no', stack: 'Error: no\n    at x' } },
    'reference=r1 error="no"\nError: no\n    at x',
  ],
])('a log line %s', (_what, record, line) => expect(logLine(record)).toBe(line));
