import { expect, it } from 'vitest';

import { recordingUpstream, someCaller } from '../../../test/support/recording-upstream.js';
import { TASK_ID, WORKFLOW_ID, workflowSample } from '../../../test/support/runtime-samples.js';
import { RunsService } from './runs.service.js';

type Call = (runs: RunsService) => Promise<unknown>;

const open = { confirmation: { isGiven: false, isByArgument: false } };
const bySlug = { slug: 'a@2' };

it.each<[string, Call, unknown]>([
  [
    `POST /r/workflows/${WORKFLOW_ID}/run`,
    (runs) => runs.run(someCaller, { id: WORKFLOW_ID }, {}, open),
    { task_id: TASK_ID },
  ],
  [
    'POST /r/workflows/slug/a@2/run',
    (runs) => runs.run(someCaller, bySlug, {}, { ...open, idempotencyKey: 'k' }),
    { task_id: TASK_ID },
  ],
  ['GET /r/workflows/slug/a@2', (runs) => runs.workflow(someCaller, bySlug), workflowSample],
  [
    'GET /r/workflows?per_page=5',
    (runs) => runs.workflows(someCaller, { per_page: 5 }),
    { workflow_list: [workflowSample] },
  ],
])('RunsService calls %s', async (endpoint, call, answer) => {
  const { client, asked } = recordingUpstream(answer);
  expect(await call(new RunsService(client))).toEqual(answer);
  expect(asked).toEqual([endpoint]);
});

it.each([
  [undefined, 'look with list_tasks before you run it again'],
  ['k', 'call again with the same idempotency_key'],
])('RunsService says what to do when the response to a run with key %s is lost', async (key, advice) => {
  const { client, sent } = recordingUpstream({ task_id: TASK_ID });
  await new RunsService(client).run(someCaller, bySlug, {}, { ...open, idempotencyKey: key });
  expect(sent[0]?.whenUnsure).toContain(advice);
});
