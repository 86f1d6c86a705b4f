import { expect, it } from 'vitest';

import { recordingUpstream, someCaller } from '../../../test/support/recording-upstream.js';
import { TaskLogsService } from './task-logs.service.js';

const ID = '018f0000-0000-7000-8000-000000000001';

it('TaskLogsService reads the end of a log, or what follows a cursor, by GET /r/tasks/{id}/logs', async () => {
  const answer = {
    task_id: ID,
    task_status: 'failed',
    log_list: [],
    page_meta: { next_cursor: null, has_more: false },
  };
  const { client, asked } = recordingUpstream(answer, answer);
  const logs = new TaskLogsService(client);
  expect(await logs.read(someCaller, ID, { tail: 5, contains: 'a b' })).toEqual(answer);
  await logs.read(someCaller, ID, { cursor: '1.7', stream: 'stderr' });
  expect(asked).toEqual([
    `GET /r/tasks/${ID}/logs?tail=5&contains=a b`,
    `GET /r/tasks/${ID}/logs?cursor=1.7&stream=stderr&limit=1000`,
  ]);
});
