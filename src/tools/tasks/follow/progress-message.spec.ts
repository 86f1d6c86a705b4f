import { describe, expect, it } from 'vitest';

import { progressMessage } from './progress-message.js';

describe('the message of a progress report', () => {
  it.each([
    ['task waiting', progressMessage('waiting', undefined)],
    ['task running on agent gpu-01', progressMessage('running', 'gpu-01')],
    [
      'task running on agent gpu-01, step 7/20',
      progressMessage('running', 'gpu-01', { step_current: 7, step_total: 20 }),
    ],
    ['task running, step 7', progressMessage('running', undefined, { step_current: 7 })],
    [
      'task running, 35%, step 1/2, train: loss 0.1 and falling',
      progressMessage(
        'running',
        undefined,
        { step_current: 1, step_total: 2, stage: 'train', message: 'loss 0.1\nand\tfalling' },
        0.351,
      ),
    ],
  ])('%s', (expected, message) => expect(message).toBe(expected));

  it('is one line of bounded length', () => {
    expect(progressMessage('running', undefined, { message: 'x'.repeat(5000) }).length).toBeLessThan(300);
  });
});
