import { expect, it } from 'vitest';

import { recordingUpstream, someCaller } from '../../../test/support/recording-upstream.js';
import { resultSample, TASK_ID, taskSample } from '../../../test/support/runtime-samples.js';
import { TasksService } from './tasks.service.js';

type Call = (tasks: TasksService) => Promise<unknown>;

it.each<[string, Call, unknown]>([
  [
    'GET /r/tasks?status=failed,cancelled',
    (tasks) => tasks.list(someCaller, { states: ['failed', 'cancelled'] }),
    { task_list: [taskSample('failed')] },
  ],
  [`GET /r/tasks/${TASK_ID}`, (tasks) => tasks.get(someCaller, TASK_ID), taskSample('provisioning')],
  [`GET /r/tasks/${TASK_ID}/result`, (tasks) => tasks.result(someCaller, TASK_ID), resultSample],
  [`POST /r/tasks/${TASK_ID}/cancel`, (tasks) => tasks.cancel(someCaller, TASK_ID), { is_success: true }],
])('TasksService calls %s', async (endpoint, call, answer) => {
  const { client, asked } = recordingUpstream(answer);
  expect(await call(new TasksService(client))).toEqual(answer);
  expect(asked).toEqual([endpoint]);
});

it('TasksService names the state task_status, also when the deployment names it status', async () => {
  const { task_status, ...rest } = taskSample('running');
  const { client } = recordingUpstream({ ...rest, status: task_status });
  expect(await new TasksService(client).get(someCaller, TASK_ID)).toEqual(taskSample('running'));
});

it('TasksService streams the events after a given one', async () => {
  const { client, asked } = recordingUpstream([{ event: 'status', data: '{}' }]);
  const seen: unknown[] = [];
  const onEvent = (event: unknown) => Promise.resolve(seen.push(event) === 0);
  await new TasksService(client).events(someCaller, TASK_ID, onEvent, '7');
  expect(seen).toEqual([{ event: 'status', data: '{}' }]);
  expect(asked).toEqual([`EVENTS /r/tasks/${TASK_ID}/events after 7`]);
});
