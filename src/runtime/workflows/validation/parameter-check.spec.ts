import { expect, it, vi } from 'vitest';

import { DeadlineWorker } from '../../definitions/index.js';
import { ParameterCheck } from './parameter-check.js';

it('a check that fails by itself rejects, and says nothing against the parameters', async () => {
  const ask = vi.spyOn(DeadlineWorker.prototype, 'ask');
  ask.mockResolvedValue({ outcome: 'failed', reason: 'no such file: validation-worker.js' });
  const check = new ParameterCheck();
  await expect(check.parameters({ type: 'object' }, { size: 1 })).rejects.toThrow(
    'The check of parameters failed: no such file: validation-worker.js',
  );
});
