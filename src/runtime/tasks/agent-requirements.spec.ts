import { expect, it } from 'vitest';

import { noAgentFor } from './agent-requirements.js';

it('where no agent hosts services, one that does is asked for', () => {
  expect(noAgentFor(['gpu', 'feature.services'], true)).toBe(
    'no connected agent with the label gpu can host services that are processes, mount volumes or have files beside their definition: connect one without --executor kubernetes',
  );
});
