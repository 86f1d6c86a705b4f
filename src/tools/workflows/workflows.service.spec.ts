import { expect, it } from 'vitest';

import { recordingUpstream, someCaller } from '../../../test/support/recording-upstream.js';
import { WORKFLOW_ID, workflowSample } from '../../../test/support/runtime-samples.js';
import type { Workflow } from '../../contract/index.js';
import { WorkflowsService } from './workflows.service.js';

type Call = (workflows: WorkflowsService) => Promise<unknown>;

const upload = { file_key: 'k', upload_url: 'https://s3.example.com/k', upload_headers: { a: 'b' } };
const file = { file_name: 'a.png', file_size: 1, content_type: 'image/png' };

it.each<[string, Call, unknown]>([
  [
    'GET /r/workflows?current_page=2&per_page=5',
    (workflows) => workflows.list(someCaller, { current_page: 2, per_page: 5 }),
    { workflow_list: [workflowSample] },
  ],
  [
    'GET /r/workflows?per_page=5&query=sd',
    (workflows) => workflows.search(someCaller, { per_page: 5 }, 'sd'),
    { workflow_list: [workflowSample] },
  ],
  [`GET /r/workflows/${WORKFLOW_ID}`, (workflows) => workflows.get(someCaller, WORKFLOW_ID), workflowSample],
  ['GET /r/workflows/slug/a@2', (workflows) => workflows.getBySlug(someCaller, 'a@2'), workflowSample],
  ['POST /r/files/presign', (workflows) => workflows.presign(someCaller, file), upload],
])('WorkflowsService calls %s', async (endpoint, call, answer) => {
  const { client, asked } = recordingUpstream(answer);
  expect(await call(new WorkflowsService(client))).toEqual(answer);
  expect(asked).toEqual([endpoint]);
});

it('WorkflowsService keeps unknown fields, and accepts a list under another name', async () => {
  const { client } = recordingUpstream({ items: [workflowSample], of_tomorrow: 1 });
  const list = await new WorkflowsService(client).list(someCaller, {});
  expect(list).toEqual({ workflow_list: [workflowSample as Workflow], of_tomorrow: 1 });
});
