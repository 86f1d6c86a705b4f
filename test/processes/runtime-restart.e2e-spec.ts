import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { TEAM_ID } from '../../src/runtime/database/index.js';
import { DataDirLockedError, openKeyAdministration } from '../../src/runtime/index.js';
import { echoWorkflow, PretendAgent, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

it('a data folder has one server at a time, and keeps everything over a restart', async () => {
  const first = await RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') });
  const { folder } = first;
  const dataDir = join(folder, 'data');
  const teamId = first.app.get<string>(TEAM_ID, { strict: false });
  await expect(RuntimeServer.start({}, { folder })).rejects.toThrow(DataDirLockedError);

  const agent = new PretendAgent(first, teamId);
  await agent.connect();
  const [running, queued, pending] = [
    await first.submit('echo'),
    await first.submit('echo'),
    await first.submit('echo'),
  ];
  await first.runs.started(await agent.take());
  await agent.take();
  const before = (await first.get('/r/workflows/slug/echo')).body;
  await first.stop();

  {
    await using keys = await openKeyAdministration({ dataDir });
    expect((await keys.list()).map(({ display_name }) => display_name)).toEqual(['bootstrap']);
  }

  await using second = await RuntimeServer.start({}, { folder });
  expect((await second.get('/r/workflows/slug/echo')).body).toEqual(before);
  const taskOf = async (id: string) => (await second.get(`/r/tasks/${id}`)).body;
  // Until the agent says that it has lost them, or its lease ends.
  expect((await taskOf(running)).task_status).toBe('running');
  expect((await taskOf(queued)).task_status).toBe('queued');

  const returned = new PretendAgent(second, teamId);
  await returned.returnWithoutRuns();
  expect(await taskOf(running)).toMatchObject({
    task_status: 'pending',
    interrupted_count: 1,
    retry_count: 0,
  });
  expect(await taskOf(queued)).toMatchObject({ task_status: 'pending', interrupted_count: 1 });
  expect(await taskOf(pending)).toMatchObject({ task_status: 'pending', interrupted_count: 0 });

  const again = await returned.claim(10);
  expect(Object.fromEntries(again.map(({ taskId, attempt }) => [taskId, attempt]))).toEqual({
    [running]: 2,
    [queued]: 2,
    [pending]: 1,
  });
  for (const run of again) await second.runs.completed(run, 'done', []);
  for (const id of [running, queued, pending]) expect((await taskOf(id)).task_status).toBe('completed');
  expect(await readdir(dataDir)).toContain('lock');
});
