import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { LocalAgent } from '../../src/runtime/index.js';
import { childrenOf, processesOfTasks, until } from '../support/processes.js';
import { shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

/** Hard to end: it ignores SIGTERM and leaves a child that has lost its parent. */
const stubborn = `trap '' TERM
(sleep 300 &) ; sleep 300`;

let server: RuntimeServer;
beforeAll(async () => {
  server = await RuntimeServer.start({
    'slow.yaml': shellWorkflow('slow', stubborn),
    'quick.yaml': shellWorkflow('quick', 'echo \'{"n":1}\' > output/result.json'),
  });
  await server.app.get(LocalAgent, { strict: false }).start(0o022);
  await connected();
});
afterAll(() => server[Symbol.asyncDispose]());

const agents = async () => (await server.get('/r/agents')).body.agent_list;
const connected = (): Promise<void> => until(async () => (await agents()).length === 1);
const task = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
const status = (id: string, wanted: string): Promise<void> =>
  until(async () => (await task(id)).task_status === wanted);

async function agentProcess(): Promise<number> {
  for (const pid of await childrenOf(process.pid)) {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words.includes('--local')) return pid;
  }
  throw new Error('no local agent');
}

describe.runIf(process.platform === 'linux')('the local agent', () => {
  it('the local agent has its key neither in its arguments nor in its environment', async () => {
    const pid = await agentProcess();
    const [words, environment] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile(`/proc/${pid}/environ`, 'utf8'),
    ]);
    expect(words.split('\0').slice(2)).toEqual(['agent', '--local', '']);
    expect(environment).not.toMatch(/[as]k-\w{8}/);
  });

  it('the server restarts a killed local agent, which ends leftover processes and repeats the run without counting it', async () => {
    const id = await server.submit('slow', {});
    await status(id, 'running');
    await until(async () => (await processesOfTasks([id])).length >= 3);
    const first = await processesOfTasks([id]);
    const killed = await agentProcess();
    process.kill(killed, 'SIGKILL');
    await until(async () => {
      const now = await processesOfTasks([id]);
      return now.length >= 3 && !now.some((pid) => first.includes(pid));
    });
    expect(await agentProcess()).not.toBe(killed);
    await status(id, 'running');
    expect(await task(id)).toMatchObject({ retry_count: 0 });
    await server.call('POST', `/r/tasks/${id}/cancel`);
    await until(async () => (await processesOfTasks([id])).length === 0);
  });

  it('the local agent continues to work after it was killed between many tasks', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => server.submit('quick', {})));
    await until(async () => (await task(ids[3] ?? '')).task_status === 'completed');
    process.kill(await agentProcess(), 'SIGKILL');
    await Promise.all(ids.map((id) => status(id, 'completed')));
    expect((await server.get(`/r/tasks/${ids[19]}/result`)).body).toMatchObject({ task_output: { n: 1 } });
  });

  it('the local agent ends with the server and leaves no process', async () => {
    await connected();
    const id = await server.submit('slow', {});
    await status(id, 'running');
    const pid = await agentProcess();
    await server.stop();
    expect(await childrenOf(process.pid)).not.toContain(pid);
    expect(await processesOfTasks([id])).toEqual([]);
    const left = await readdir(join(server.folder, 'data', 'agent', 'processes'));
    expect(left).toEqual([]);
  });
});
