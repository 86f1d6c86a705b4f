import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { Gate } from '../support/gate.js';
import { AgentProcess, kubernetesAgent } from '../support/kubernetes/agent-process.js';
import { KubernetesApi } from '../support/kubernetes/kubernetes-api.js';
import { processesOfTasks, until } from '../support/processes.js';

const INPUT = `input:
  schema:
    document:
      type: object
      properties: { name: { type: string }, file: { type: string, format: file } }
`;

/** A Kubernetes with nodes, in place of the one of the tests: `npm run cluster` says where it is. */
interface Cluster {
  readonly kubeconfig: string;
  readonly namespace: string;
  /** Of this machine, for pods. */
  readonly address: string;
  readonly image: string;
}
const { TEST_CLUSTER } = process.env;
const cluster: Cluster | undefined = TEST_CLUSTER === undefined ? undefined : JSON.parse(TEST_CLUSTER);

/** A workflow whose step is a shell, or a container with this command. */
function workflow(kind: string, name: string, command: string, { seconds = 60, more = '' } = {}): string {
  const shell = shellWorkflow(`${kind}-${name}`, command, { seconds });
  const image = `          image: ${cluster?.image ?? 'registry.example.com/tools:1'}\n`;
  const text = kind === 'shell' ? shell : shell.replace('        shell:\n', `        container:\n${image}`);
  return text.replace('do:\n', `${more}do:\n`);
}

/** @param gate URL that is answered once the run may go on. */
const workflowsOf = (kind: string, gate: string): Record<string, string> => {
  const wait = `node -e "fetch('${gate}')"`;
  const all: Record<string, string> = {
    outputs: workflow(
      kind,
      'outputs',
      `echo one > output/1.txt; cat "$2" > output/2.txt; cat "$CYBERUN_PARAMETERS" > output/3.json
printf '{"id":9007199254740993,"name":"%s"}' "$1" > "$CYBERUN_OUTPUT_DIR/result.json"`,
      { more: INPUT },
    ),
    progress: workflow(
      kind,
      'progress',
      `echo "::progress step=1,total=4::quarter"; echo working; ${wait}; echo "attempt $CYBERUN_ATTEMPT"`,
    ),
    failure: workflow(kind, 'failure', 'echo said; echo the reason >&2; exit 3'),
    slow: workflow(kind, 'slow', 'echo begun; sleep 600', { seconds: 1 }),
    endless: workflow(kind, 'endless', 'echo begun; sleep 600 & sleep 600'),
  };
  all['outputs'] += "          arguments: ['${ .name }', '${ .file }']\n";
  return Object.fromEntries(Object.entries(all).map(([name, text]) => [`${kind}-${name}.yaml`, text]));
};

/** Of a container there is one log. */
const SAID: Record<string, string> = {
  shell: 'The end of its stdout:\nsaid',
  container: 'The end of its output:\nsaid\nthe reason',
};

/** Uploads a file; returns its key. */
async function uploaded(server: RuntimeServer, text: string): Promise<string> {
  const wanted = { file_name: 'in.txt', file_size: text.length, content_type: 'text/plain' };
  const { upload_url, upload_headers, file_key } = (await server.call('POST', '/r/files/presign', wanted))
    .body;
  await fetch(upload_url, { method: 'PUT', headers: upload_headers, body: text });
  return file_key;
}

/** An agent with this executor. */
async function agentOf(
  executor: string,
  server: RuntimeServer,
  owned: AsyncDisposableStack,
): Promise<AgentProcess> {
  if (executor === 'machine') return AgentProcess.start(server);
  if (!cluster) return kubernetesAgent(server, owned.use(await KubernetesApi.start()).kubeconfig);
  const { kubeconfig, namespace, image, address } = cluster;
  const flags = { 'kubernetes-namespace': namespace, 'kubernetes-image': image };
  return kubernetesAgent(server, kubeconfig, flags, address);
}

const EXECUTORS = [
  { executor: 'machine', kinds: ['shell'] },
  { executor: 'kubernetes', kinds: ['shell', 'container'] },
].filter(({ executor }) => !cluster || executor === 'kubernetes');

/** What is promised of a run, wherever its agent has it executed. */
describe.each(EXECUTORS)('executor $executor', ({ executor, kinds }) => {
  const owned = new AsyncDisposableStack();
  let gate: Gate;
  let server: RuntimeServer;
  let file: string;

  beforeAll(async () => {
    gate = owned.use(await Gate.start(cluster?.address));
    const files = Object.assign({}, ...kinds.map((kind) => workflowsOf(kind, `${gate.url}/${kind}`)));
    server = owned.use(await RuntimeServer.start(files, { address: cluster?.address }));
    owned.use(await agentOf(executor, server, owned));
    file = await uploaded(server, 'two');
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

  describe.each(kinds)('with a step that is a %s', (kind) => {
    it('a run stores its outputs, and its result without loss', async () => {
      const id = await server.submit(`${kind}-outputs`, { name: "a $b 'c'", file });
      expect(await ended(id)).toMatchObject({ task_status: 'completed', attempt_count: 1, agent_id: 'a1' });
      expect(await read(id, 'result', 'application/json')).toContain(
        `"id":9007199254740993,"name":"a $b 'c'"`,
      );
      const links = (await server.get(`/r/tasks/${id}/result`)).body.download_urls as Record<string, string>;
      expect(Object.keys(links).toSorted()).toEqual(['1.txt', '2.txt', '3.json']);
      expect(await (await fetch(links['2.txt'] ?? '')).text()).toBe('two');
      expect(await (await fetch(links['3.json'] ?? '')).json()).toMatchObject({ name: "a $b 'c'" });
    });

    it('progress and log of a run are known while it goes on', async () => {
      const id = await server.submit(`${kind}-progress`, {});
      await until(async () => (await task(id)).progress?.message === 'quarter');
      await until(async () => (await read(id, 'logs', 'text/plain')) === 'working\n');
      expect(await task(id)).toMatchObject({
        task_status: 'running',
        progress: { progress: 0.25, step_total: 4 },
      });
      gate.open(`/${kind}`);
      expect((await ended(id)).task_status).toBe('completed');
      expect(await read(id, 'logs', 'text/plain')).toBe('working\nattempt 1\n');
    });

    it('a run that fails, or takes too long, says why', async () => {
      const [failure, slow] = [
        await server.submit(`${kind}-failure`, {}),
        await server.submit(`${kind}-slow`, {}),
      ];
      expect(await ended(failure)).toMatchObject({
        task_status: 'failed',
        task_error: `the reason\nStep work ended with exit code 3.\n${SAID[kind]}`,
      });
      expect((await ended(slow)).task_error).toContain(
        'The run took longer than its limit of 1 s and was stopped.',
      );
    });

    it('a run that is cancelled ends with everything that it started', async () => {
      const id = await server.submit(`${kind}-endless`, {});
      await until(async () => (await read(id, 'logs', 'text/plain')) === 'begun\n');
      expect(await processesOfTasks([id])).not.toHaveLength(0);
      await server.call('POST', `/r/tasks/${id}/cancel`);
      expect((await ended(id)).task_status).toBe('cancelled');
      await until(async () => (await processesOfTasks([id])).length === 0);
    });
  });
});
