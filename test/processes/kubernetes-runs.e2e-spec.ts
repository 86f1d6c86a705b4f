import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import {
  type AgentProcess,
  kubernetesAgent,
  kubernetesSuccessor,
} from '../support/kubernetes/agent-process.js';
import { KubernetesApi } from '../support/kubernetes/kubernetes-api.js';
import { until } from '../support/processes.js';

const owned = new AsyncDisposableStack();
let folder: string;
let api: KubernetesApi;
let server: RuntimeServer;
let agent: AgentProcess;

/** A workflow whose step is a container with this command. */
function containerWorkflow(name: string, command: string, more = ''): string {
  const image = '          image: registry.example.com/tools:1\n';
  const text = shellWorkflow(name, command).replace('        shell:\n', `        container:\n${image}`);
  return more === '' ? text : `${text}      ${more}\n`;
}

/** A command that sends a line of progress beside the log, as soon as the agent listens, and writes what comes back. */
const progressBy = (line: string): string => {
  // Without a colon before a space, which YAML reads as a key.
  const program = `const send = () => fetch(new Request(process.env.CYBERUN_PROGRESS_URL, {method:'POST',body:'${line}'})).then((answer) => answer.text()).then(console.log, () => setTimeout(send, 100)); send()`;
  return `node -e "${program}"`;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-kubernetes-runs-'));
  owned.defer(() => rm(folder, { recursive: true, force: true }));
  const profiles = join(folder, 'profiles.yaml');
  await writeFile(
    profiles,
    `profiles:
  - { name: gpu, labels: [gpu], nodeSelector: { pool: gpu }, localQueue: gpu-queue }
  - { name: big, labels: [big], resources: { limits: { memory: 8Gi } } }
  - { name: default }
`,
  );
  // Ends once the test has made a file, so that no test depends on time.
  const work = `echo begun >> ${folder}/begun; while [ ! -e ${folder}/go ]; do sleep 0.1; done; echo done > output/1.txt`;
  const files = {
    'waits.yaml': shellWorkflow('waits', work),
    'gpu.yaml': shellWorkflow('gpu', 'echo hello', { labels: 'local, gpu' }),
    'both.yaml': shellWorkflow('both', 'echo hello', { labels: 'big, gpu' }),
    'hello.yaml': shellWorkflow('hello', 'echo hello'),
    'contained.yaml': containerWorkflow('contained', `echo before; ${work}; echo after`),
    'beside.yaml': containerWorkflow(
      'beside',
      `${progressBy('::progress value=0.25,step=1,total=4::a quarter')}; ${progressBy('half')}; ${work}`,
    ),
    'greedy.yaml': containerWorkflow('greedy', 'echo hello', 'metadata: { resources: { memory: 4Gi } }'),
  };
  // A slow machine takes its time to start agents.
  server = owned.use(await RuntimeServer.start(files, { leaseSeconds: 600 }));
  api = owned.use(await KubernetesApi.start());
  agent = owned.use(await kubernetesAgent(server, api.kubeconfig, { 'kubernetes-profiles': profiles }));
});
afterAll(() => owned.disposeAsync());
beforeEach(async () => {
  await rm(join(folder, 'go'), { force: true });
  await rm(join(folder, 'begun'), { force: true });
  api.requests.length = 0;
  api.quota = undefined;
  api.cluster.waiting = undefined;
  api.cluster.imageProblem = undefined;
  api.cluster.unschedulable = undefined;
  api.cluster.podQuota = undefined;
});

const task = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
const ended = async (id: string) => {
  await until(async () => ['completed', 'failed', 'cancelled'].includes((await task(id)).task_status));
  return task(id);
};
const begun = async (): Promise<number> =>
  (await readFile(join(folder, 'begun'), 'utf8').catch(() => '')).split('\n').filter(Boolean).length;
const begin = async (workflow = 'waits'): Promise<string> => {
  const id = await server.submit(workflow, {});
  await until(async () => (await begun()) === 1 && (await task(id)).task_status === 'running');
  return id;
};
const letEnd = (): Promise<void> => writeFile(join(folder, 'go'), '');
const objects = (...kinds: string[]): string =>
  JSON.stringify(kinds.flatMap((kind) => api.cluster.store.list(kind)));
const jobOf = (id: string) => api.cluster.jobs.find(({ metadata }) => metadata.name.includes(id));

it('a run goes on in its pod while its agent is killed, or ended in order, and started again', async () => {
  const id = await begin();
  await agent.end('SIGKILL');
  await agent.start();
  await agent.end('SIGTERM');
  await letEnd();
  await agent.start();
  expect(await ended(id)).toMatchObject({ task_status: 'completed', attempt_count: 1, interrupted_count: 0 });
  expect(await begun()).toBe(1);
  await until(async () => jobOf(id)?.['status']?.conditions[0].type === 'Complete');
});

it('runs go on while the API server is away, and the next ones wait for it', async () => {
  const id = await begin();
  await api.stop();
  const next = await server.submit('hello', {});
  await letEnd();
  expect(await ended(id)).toMatchObject({ task_status: 'completed', attempt_count: 1 });
  expect((await task(next)).task_status).toBe('queued');
  await api.resume();
  expect(await ended(next)).toMatchObject({ task_status: 'completed', attempt_count: 1 });
});

it('a run that is cancelled is deleted with its pod, in the foreground', async () => {
  const id = await begin();
  await server.call('POST', `/r/tasks/${id}/cancel`);
  await until(async () => jobOf(id) === undefined);
  expect(api.cluster.pods.filter(({ metadata }) => metadata.name.includes(id))).toEqual([]);
  expect(api.requests.some((request) => request.startsWith('DELETE ') && request.includes(id))).toBe(true);
  expect((await task(id)).task_status).toBe('cancelled');
});

it('a run whose pod is preempted begins anew in another Job', async () => {
  const id = await begin();
  api.cluster.preempt(`cy-${id}-1`);
  await until(async () => (await begun()) === 2);
  await letEnd();
  expect(await ended(id)).toMatchObject({ task_status: 'completed', attempt_count: 2, interrupted_count: 1 });
});

it('a run whose node is lost begins anew, and keeps no slot though its pod never goes', async () => {
  const id = await begin();
  api.cluster.loseNode(`cy-${id}-1`);
  await until(async () => (await begun()) === 2);
  await letEnd();
  expect(await ended(id)).toMatchObject({ task_status: 'completed', attempt_count: 2, interrupted_count: 1 });
  expect(jobOf(id)?.metadata).toMatchObject({ name: `cy-${id}-1`, deletionTimestamp: expect.any(String) });
});

it('runs whose pods are ended fail in the words of Kubernetes', async () => {
  const ends = [
    ['outOfMemory', 'The run used more memory than its pod may have (2Gi) and was ended (OOMKilled).'],
    ['evict', 'Kubernetes evicted the pod of the run: The node was low on resource: memory.'],
    ['passDeadline', 'The run was ended by the deadline of its pod'],
  ] as const;
  const ids = await Promise.all(ends.map(() => server.submit('waits', {})));
  await until(async () => (await begun()) === ends.length);
  for (const [index, [what]] of ends.entries())
    api.cluster[what](`cy-${ids[index]}-1`, 'The node was low on resource: memory.');
  const tasks = await Promise.all(ids.map((id) => ended(id)));
  for (const [index, [, words]] of ends.entries()) {
    expect(tasks[index].task_status).toBe('failed');
    expect(tasks[index].task_error).toContain(words);
  }
});

it('a run that Kubernetes refuses, or whose container cannot be made, fails in the words of Kubernetes', async () => {
  api.quota = 'jobs.batch is forbidden: exceeded quota: compute, requested: count/jobs.batch=1';
  const refused = await server.submit('hello', {});
  expect((await ended(refused)).task_error).toBe(
    'Kubernetes refused the Job of the run: jobs.batch is forbidden: exceeded quota: compute, requested: count/jobs.batch=1.',
  );
  api.quota = undefined;
  api.cluster.waiting = { reason: 'InvalidImageName', message: 'invalid reference format' };
  const impossible = await server.submit('hello', {});
  expect((await ended(impossible)).task_error).toBe(
    'The run cannot start: its container cannot be made: invalid reference format.',
  );
  await until(async () => jobOf(impossible) === undefined);
});

it('while a quota keeps the pod of a run from being made, status_reason has its words', async () => {
  api.cluster.podQuota = 'pods "cy-1" is forbidden: exceeded quota: compute, requested: pods=1';
  const id = await server.submit('hello', {});
  await until(async () => jobOf(id) !== undefined);
  api.endWatches();
  await until(async () => (await task(id)).status_reason?.includes('exceeded quota'));
  expect((await task(id)).status_reason).toBe(
    'given to agent a1, which has not started it yet: Kubernetes makes no pod for it: pods "cy-1" is forbidden: exceeded quota: compute, requested: pods=1',
  );
  await server.call('POST', `/r/tasks/${id}/cancel`);
  await until(async () => jobOf(id) === undefined);
});

it('a Job that was made late for a run that is over is removed', async () => {
  const id = await begin();
  const labels = jobOf(id)?.metadata.labels;
  await letEnd();
  await ended(id);
  const name = 'cy-late-1';
  api.cluster.podQuota = 'none';
  api.cluster.store.add({
    kind: 'Job',
    metadata: { name, labels: { ...labels, 'cyberun.task': 'late' } },
    spec: {},
  });
  for (let list = 0; list < 2; list += 1) {
    const before = api.requests.filter((one) => one.endsWith('/jobs')).length;
    api.endWatches();
    await until(async () => api.requests.filter((one) => one.endsWith('/jobs')).length > before);
  }
  await until(async () => api.cluster.store.get('Job', name) === undefined);
  expect((await task(id)).task_status).toBe('completed');
});

it('a step that is a container goes on while its agent is killed and started again, and its log has every line once', async () => {
  const id = await begin('contained');
  await agent.end('SIGKILL');
  await agent.start();
  // The command is in the Secret of the run alone.
  expect(objects('Secret')).toContain('echo before');
  expect(objects('Job', 'Pod')).not.toContain('echo before');
  await letEnd();
  expect(await ended(id)).toMatchObject({ task_status: 'completed', attempt_count: 1, interrupted_count: 0 });
  expect(await begun()).toBe(1);
  const headers = { authorization: `Bearer ${BOOTSTRAP_KEY}`, accept: 'text/plain' };
  const log = await fetch(`${server.origin}/api/v1/r/tasks/${id}/logs`, { headers });
  expect(await log.text()).toBe('before\nafter\n');
  await until(async () => jobOf(id)?.['status']?.conditions[0].type === 'Complete');
});

it('a step that is a container reports progress beside its log, and reads what is wrong with another line', async () => {
  const id = await begin('beside');
  await until(async () => (await task(id)).progress?.message === 'a quarter');
  expect((await task(id)).progress).toMatchObject({ progress: 0.25, step_current: 1, step_total: 4 });
  await letEnd();
  expect(await ended(id)).toMatchObject({ task_status: 'completed' });
  const headers = { authorization: `Bearer ${BOOTSTRAP_KEY}`, accept: 'text/plain' };
  const log = await fetch(`${server.origin}/api/v1/r/tasks/${id}/logs`, { headers });
  expect(await log.text()).toContain(
    'Line 1 is no progress. Send one or more lines such as: ::progress value=',
  );
});

it('a step that is a container and needs too much memory fails with its limit', async () => {
  const id = await begin('contained');
  api.cluster.outOfMemory(`cy-${id}-1`);
  expect((await ended(id)).task_error).toContain(
    'Step work ended with exit code 137 (it needed more memory than its limit of 2Gi).',
  );
});

it('a step whose image is missing, or that asks for more than its profile allows, fails and says so', async () => {
  const message = 'Container image "registry.example.com/tools:1" is not present with pull policy of Never';
  api.cluster.imageProblem = { reason: 'ErrImageNeverPull', message };
  const id = await server.submit('contained', {});
  expect((await ended(id)).task_error).toBe(
    `The run cannot start: its container cannot be made: ${message}.`,
  );
  await until(async () => jobOf(id) === undefined);
  const greedy = await server.submit('greedy', {});
  expect((await ended(greedy)).task_error).toBe(
    'Step work asks for 4096Mi of memory, and profile default allows 2Gi. Ask for less, or have the operator raise the limit of the profile.',
  );
});

it('labels of a workflow choose the profile of the pod, and labels of two profiles are refused', async () => {
  const id = await server.submit('gpu', {});
  expect((await ended(id)).task_status).toBe('completed');
  expect(jobOf(id)).toMatchObject({
    metadata: {
      labels: { 'kueue.x-k8s.io/queue-name': 'gpu-queue' },
      annotations: { 'cyberun.profile': 'gpu' },
    },
    spec: { template: { spec: { nodeSelector: { pool: 'gpu' } } } },
  });
  const both = await server.submit('both', {});
  expect(await ended(both)).toMatchObject({
    task_status: 'failed',
    task_error: 'The agent has no profile whose pods offer all of big, gpu; its operator can add one.',
  });
});

it('no Job holds the key of the agent or what the workflow says', async () => {
  const id = await server.submit('hello', {});
  await ended(id);
  expect(objects('Job', 'Pod', 'Secret')).toContain(id);
  expect(objects('Job', 'Pod', 'Secret')).not.toContain(agent.key);
  expect(objects('Job', 'Pod', 'Secret')).not.toContain('echo hello');
});

it('the next process of an agent leaves the Jobs of the former one, and takes over when this has ended', async () => {
  api.cluster.unschedulable = '0/3 nodes are available: 3 Insufficient cpu.';
  const id = await server.submit('hello', {});
  await until(async () => (await task(id)).status_reason?.includes('3 Insufficient cpu'));
  expect(await task(id)).toMatchObject({
    task_status: 'queued',
    status_reason:
      'given to agent a1, which has not started it yet: no node can take its pod: 0/3 nodes are available: 3 Insufficient cpu',
  });
  const next = owned.use(await kubernetesSuccessor(agent));
  const starting = next.start();
  const looks = (): number => api.requests.filter((one) => /^GET .+\/leases\//.test(one)).length;
  await until(async () => looks() >= 2);
  expect(api.requests.filter((one) => one.startsWith('DELETE ') && one.includes(id))).toEqual([]);
  expect(jobOf(id)).toBeDefined();
  api.cluster.unschedulable = undefined;
  await agent.end('SIGTERM');
  await starting;
  expect((await ended(id)).task_status).toBe('completed');
});
