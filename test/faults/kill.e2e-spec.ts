import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { childrenOf, until, processesOfTasks } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';
import { eventRowsOf } from '../support/task-events.js';

const TASKS = 50;
/** How many tasks are done when something is killed. */
const KILL_AT = [8, 20, 34];
const KEY = 'sk-fault-test-0123456789';
const environment = {
  CYBERUN_BOOTSTRAP_KEY: KEY,
  CYBERUN_WORKFLOWS_DIR: join(packagePaths.root, 'test/fixtures/workflows'),
  CYBERUN_AGENT_SLOTS: '4',
};

interface Task {
  readonly id: string;
  readonly task_status: string;
  readonly retry_count: number;
}

let dataDir: string;
let server: ServerProcess;
const restart = async (): Promise<void> => {
  server = await ServerProcess.start({ ...environment, CYBERUN_DATA_DIR: dataDir });
};
const api = async <Answer>(path: string, body?: object): Promise<Answer> => {
  const response = await fetch(`${server.api}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
};
const tasksNow = async (): Promise<Task[]> =>
  (await api<{ task_list: Task[] }>('/r/tasks?per_page=100')).task_list;
/** Of one reading: between two, the last running task may end before the next begins. */
const byStatus = async (): Promise<{ completed: number; running: number }> => {
  const statuses = (await tasksNow()).map(({ task_status }) => task_status);
  const count = (status: string) => statuses.filter((each) => each === status).length;
  return { completed: count('completed'), running: count('running') };
};

const victims = {
  server: async (): Promise<void> => {
    await server.end('SIGKILL');
    await restart();
  },
  agent: async (): Promise<void> => {
    const [agent] = await childrenOf(server.child.pid);
    if (agent === undefined) throw new Error('the server has no agent');
    process.kill(agent, 'SIGKILL');
  },
};

describe.each(Object.entries(victims))(
  `kill -9 of the %s, three times among ${TASKS} tasks,`,
  (victim, kill) => {
    beforeEach(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'cyberun-fault-'));
      await restart();
    });
    afterEach(async () => {
      await server.end();
      await rm(dataDir, { recursive: true, force: true });
    });

    it('kill -9 between tasks loses no task, counts no retry and leaves no process', async () => {
      const expected = new Map<string, number>();
      for (let value = 1; value <= TASKS; value++) {
        const { task_id } = await api<{ task_id: string }>('/r/workflows/slug/square/run', {
          parameters: { value, milliseconds: 400 },
        });
        expected.set(task_id, value * value);
      }

      for (const count of KILL_AT) {
        await until(async () => {
          const { completed, running } = await byStatus();
          return completed >= count && running > 0;
        });
        await kill();
      }

      await until(async () => (await byStatus()).completed === TASKS, 120_000);
      for (const [taskId, square] of expected) {
        expect(await api(`/r/tasks/${taskId}/result`)).toMatchObject({ task_output: { square } });
      }
      expect((await tasksNow()).map(({ retry_count }) => retry_count)).toEqual(
        Array.from({ length: TASKS }, () => 0),
      );
      await until(async () => (await processesOfTasks(expected.keys())).length === 0);

      expect(await server.end()).toBe(0);
      const rows = await eventRowsOf(dataDir);
      const runs = [...rows.values()].flat().filter(({ data }) => data['status'] === 'running').length;
      console.log(
        `kill -9 of the ${victim}: ${TASKS} tasks completed in ${runs} runs, ${runs - TASKS} repeated`,
      );
      expect(runs).toBeGreaterThan(TASKS);
    });
  },
);
