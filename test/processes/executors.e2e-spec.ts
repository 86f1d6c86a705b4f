import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { AgentProcess, kubernetesAgent } from '../support/kubernetes/agent-process.js';
import { KubernetesApi } from '../support/kubernetes/kubernetes-api.js';
import { processesOfTasks, until } from '../support/processes.js';

/** What is promised of a run, wherever its agent has it executed. */
describe.each(['machine', 'kubernetes'])('executor %s', (executor) => {
  const owned = new AsyncDisposableStack();
  let folder: string;
  let server: RuntimeServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cyberun-executors-'));
    owned.defer(() => rm(folder, { recursive: true, force: true }));
    await mkdir(join(folder, 'beside'), { recursive: true });
    const wait = `while [ ! -e ${folder}/go ]; do sleep 0.1; done`;
    server = owned.use(
      await RuntimeServer.start({
        'outputs.yaml': shellWorkflow(
          'outputs',
          `echo one > output/1.txt; echo two > output/2.txt; echo '{"id":9007199254740993}' > output/result.json`,
        ),
        'progress.yaml': shellWorkflow(
          'progress',
          `echo "::progress step=1,total=4::quarter"; echo working; ${wait}; echo "attempt $CYBERUN_ATTEMPT"`,
        ),
        'failure.yaml': shellWorkflow('failure', 'echo said; echo the reason >&2; exit 3'),
        'slow.yaml': shellWorkflow('slow', 'echo begun; sleep 600', { seconds: 1 }),
        'endless.yaml': shellWorkflow('endless', 'echo begun; sleep 600 & sleep 600'),
      }),
    );
    if (executor === 'machine') owned.use(await AgentProcess.start(server));
    else owned.use(await kubernetesAgent(server, owned.use(await KubernetesApi.start()).kubeconfig));
  });
  afterAll(() => owned.disposeAsync());

  const task = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
  const ended = async (id: string) => {
    await until(async () => ['completed', 'failed', 'cancelled'].includes((await task(id)).task_status));
    return task(id);
  };
  const read = async (id: string, path: string, accept: string): Promise<string> => {
    const headers = { authorization: `Bearer ${BOOTSTRAP_KEY}`, accept };
    return (await fetch(`${server.origin}/api/v1/r/tasks/${id}/${path}`, { headers })).text();
  };

  it('a run stores its outputs, and its result without loss', async () => {
    const id = await server.submit('outputs', {});
    expect(await ended(id)).toMatchObject({ task_status: 'completed', attempt_count: 1, agent_id: 'a1' });
    expect(await read(id, 'result', 'application/json')).toContain('"id":9007199254740993');
    const links = (await server.get(`/r/tasks/${id}/result`)).body.download_urls as Record<string, string>;
    expect(Object.keys(links).toSorted()).toEqual(['1.txt', '2.txt']);
    expect(await (await fetch(links['2.txt'] ?? '')).text()).toBe('two\n');
  });

  it('progress and log of a run are known while it goes on', async () => {
    const id = await server.submit('progress', {});
    await until(async () => (await task(id)).progress?.message === 'quarter');
    await until(async () => (await read(id, 'logs', 'text/plain')) === 'working\n');
    expect(await task(id)).toMatchObject({
      task_status: 'running',
      progress: { progress: 0.25, step_total: 4 },
    });
    await writeFile(join(folder, 'go'), '');
    expect((await ended(id)).task_status).toBe('completed');
    expect(await read(id, 'logs', 'text/plain')).toBe('working\nattempt 1\n');
  });

  it('a run that fails, or takes too long, says why', async () => {
    const [failure, slow] = [await server.submit('failure', {}), await server.submit('slow', {})];
    expect(await ended(failure)).toMatchObject({
      task_status: 'failed',
      task_error: 'the reason\nStep work ended with exit code 3.\nThe end of its stdout:\nsaid',
    });
    expect((await ended(slow)).task_error).toContain(
      'The run took longer than its limit of 1 s and was stopped.',
    );
  });

  it('a run that is cancelled ends with everything that it started', async () => {
    const id = await server.submit('endless', {});
    await until(async () => (await read(id, 'logs', 'text/plain')) === 'begun\n');
    expect(await processesOfTasks([id])).not.toHaveLength(0);
    await server.call('POST', `/r/tasks/${id}/cancel`);
    expect((await ended(id)).task_status).toBe('cancelled');
    await until(async () => (await processesOfTasks([id])).length === 0);
  });
});
