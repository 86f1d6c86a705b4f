import { expect, it } from 'vitest';

import { noAgentFor } from './agent-requirements.js';

it('where no agent hosts services, one that does is asked for', () => {
  expect(noAgentFor(['gpu', 'feature.services'], true)).toBe(
    'no connected agent with the label gpu can host services: connect one without --executor kubernetes',
  );
});
