import { expect, it } from 'vitest';

import { recordingUpstream, someCaller } from '../../../test/support/recording-upstream.js';
import { AgentsService } from './agents.service.js';

it('AgentsService lists agents by GET /r/agents, unknown fields included', async () => {
  const answer = { agent_list: [{ agent_id: 'gpu-01', gpu_capacity: 1 }] };
  const { client, asked } = recordingUpstream(answer);
  expect(await new AgentsService(client).list(someCaller, { per_page: 5 })).toEqual(answer);
  expect(asked).toEqual(['GET /r/agents?per_page=5']);
});
