import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { LIBRARY_CLIENTS } from '../support/clients.js';
import { type AgentProcess, kubernetesAgent } from '../support/kubernetes/agent-process.js';
import { KubernetesApi } from '../support/kubernetes/kubernetes-api.js';
import type { StoredObject } from '../support/kubernetes/object-store.js';
import { startMcp } from '../support/mcp-application.js';
import { until } from '../support/processes.js';

const owned = new AsyncDisposableStack();
let folder: string;
let services: string;
let api: KubernetesApi;
let server: RuntimeServer;
let agent: AgentProcess;

/** What the image runs: answers with its name, ends with a code on request, and hangs until it is started anew. */
const PROGRAM = `
const { createServer } = require('node:http');
const { CYBERUN_SERVICE_REPLICA: replica, GREETING, SECRET, PORT } = process.env;
let hangs = false;
console.log('begun with', SECRET, 'and', process.argv.at(-1));
createServer((request, response) => {
  if (hangs) return;
  if (request.url === '/exit') { console.error('no model'); process.exit(7); }
  if (request.url === '/hang') hangs = true;
  response.end(JSON.stringify({ replica, greeting: GREETING, pid: process.pid }));
}).listen(Number(PORT), '127.0.0.' + (1 + Number(replica)));
`;

let port = 41_000 + (process.pid % 10_000);

async function define(slug: string, greeting = 'hello', more = ''): Promise<void> {
  const text = `slug: ${slug}
docker_image: registry.example.com/node:1
command: ${JSON.stringify(['-e', PROGRAM, '${ .port }'])}
port: ${port}
health: { interval: 100ms, timeout: 1s, failures: 2 }
env_config: [{ env_name: GREETING, env_value: ${greeting} }, { env_name: SECRET, env_value: s3cr3t-word }]
${more}`;
  await writeFile(join(services, `${slug}.yaml`), text);
}
const withdraw = (slug: string): Promise<void> => rm(join(services, `${slug}.yaml`));
const view = async (slug: string) => (await server.get(`/r/containers/${slug}`)).body;
const isRunning = async (slug: string, replicas = 1): Promise<boolean> =>
  (await view(slug)).running_replicas === replicas;
const call = async (slug: string, path = '/') => {
  const headers = { authorization: `Bearer ${BOOTSTRAP_KEY}` };
  const answer = await fetch(`${server.origin}/api/v1/r/containers/${slug}${path}`, { headers });
  return (await answer.json()) as { replica: string; greeting: string; pid: number };
};
const objects = (kind: string, slug: string): StoredObject[] =>
  api.cluster.store.list(kind, `cyberun.service=${slug}`);
const podOf = (slug: string): StoredObject => {
  const [pod] = objects('Pod', slug);
  if (!pod) throw new Error(`${slug} has no pod`);
  return pod;
};
const hasGone = (slug: string): boolean =>
  ['Deployment', 'Pod', 'Secret', 'Service'].every((kind) => objects(kind, slug).length === 0);
const running = async (slug: string, greeting?: string, more?: string): Promise<void> => {
  port += 1;
  await define(slug, greeting, more);
  await until(() => isRunning(slug, more?.includes('replica_count: 2') ? 2 : 1));
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-kubernetes-services-'));
  owned.defer(() => rm(folder, { recursive: true, force: true }));
  services = await mkdtemp(join(folder, 'services-'));
  const profiles = join(folder, 'profiles.yaml');
  await writeFile(
    profiles,
    `profiles:
  - { name: default }
  - { name: gpu, labels: [gpu], nodeSelector: { pool: gpu }, runAsUser: cluster }
  - { name: big, labels: [big] }
`,
  );
  server = owned.use(await RuntimeServer.start({}, { env: { CYBERUN_SERVICES_DIR: services } }));
  api = owned.use(await KubernetesApi.start());
  agent = owned.use(await kubernetesAgent(server, api.kubeconfig, { 'kubernetes-profiles': profiles }));
});
afterAll(() => owned.disposeAsync());
beforeEach(() => {
  const { deployments } = api.cluster;
  deployments.quota = undefined;
  deployments.unschedulable = undefined;
  deployments.imageProblem = undefined;
});

it('a service is a Deployment and a Service, a client calls it, and both have gone once its definition has', async () => {
  await running('notes', 'hello', 'required_labels: [gpu]\nresources: { memory: 1Gi }\n');
  await using mcp = await startMcp(`${server.origin}/api/v1`);
  for (const kind of LIBRARY_CLIENTS.slice(-1)) {
    await using client = await kind.connect({ endpoint: mcp.endpoint, key: BOOTSTRAP_KEY });
    const called = await client.call('call_container_service', {
      service_slug: 'notes',
      method: 'GET',
      path: '/',
    });
    expect(called.structuredContent).toMatchObject({ status_code: 200 });
    const { body_base64 } = called.structuredContent as { body_base64: string };
    expect(JSON.parse(Buffer.from(body_base64, 'base64').toString())).toMatchObject({ greeting: 'hello' });
  }
  const [deployment] = objects('Deployment', 'notes');
  expect(deployment).toMatchObject({
    metadata: { annotations: { 'cyberun.agent-id': 'a1', 'cyberun.profile': 'gpu' } },
    spec: { replicas: 1, strategy: { type: 'Recreate' } },
  });
  const pod = deployment?.['spec'].template.spec;
  expect(pod).toMatchObject({ automountServiceAccountToken: false, nodeSelector: { pool: 'gpu' } });
  expect(pod.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(pod.containers[0]).toMatchObject({
    image: 'registry.example.com/node:1',
    resources: { limits: { memory: String(2 ** 30) } },
    readinessProbe: { httpGet: { path: '/health', port }, failureThreshold: 2 },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  });
  // The values of the definition are in its Secret alone.
  for (const kind of ['Deployment', 'Pod', 'Service'])
    expect(JSON.stringify(objects(kind, 'notes'))).not.toContain('s3cr3t');
  expect((await view('notes')).replicas[0].log_lines).toEqual([`begun with [hidden] and ${port}`]);
  await withdraw('notes');
  await until(() => Promise.resolve(hasGone('notes')));
});

it('a service goes on in its pod while its agent is killed, or ended in order, and started again', async () => {
  await running('lasting');
  const { pid } = await call('lasting');
  const pod = podOf('lasting').metadata.name;
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await agent.end(signal);
    await until(async () => !(await isRunning('lasting')));
    await agent.start();
    await until(() => isRunning('lasting'));
    expect(await call('lasting')).toMatchObject({ pid });
  }
  expect(podOf('lasting').metadata.name).toBe(pod);
  expect((await view('lasting')).last_failure).toBeUndefined();
  await withdraw('lasting');
  await until(() => Promise.resolve(hasGone('lasting')));
});

it('a changed definition replaces the Deployment, also when it changes while the agent is away', async () => {
  await running('changing', 'first');
  await define('changing', 'second');
  await until(async () => (await isRunning('changing')) && (await call('changing')).greeting === 'second');
  await agent.end('SIGKILL');
  await define('changing', 'third');
  await agent.start();
  await until(async () => (await isRunning('changing')) && (await call('changing')).greeting === 'third');
  expect(objects('Deployment', 'changing')).toHaveLength(1);
  await withdraw('changing');
  await until(() => Promise.resolve(hasGone('changing')));
});

it('every replica is a Deployment with an address of its own, and gets its share of the calls', async () => {
  await running('copies', 'hello', 'replica_count: 2\n');
  expect(objects('Deployment', 'copies')).toHaveLength(2);
  const replicas = [await call('copies'), await call('copies')].map(({ replica }) => replica);
  expect(replicas.toSorted()).toEqual(['1', '2']);
  await withdraw('copies');
  await until(() => Promise.resolve(hasGone('copies')));
});

it('a container that ends is started again by Kubernetes, and last_failure has its end, its log and its cause', async () => {
  await running('crashing');
  const pod = podOf('crashing');
  await call('crashing', '/exit').catch(() => undefined);
  await until(async () => (await view('crashing')).last_failure !== undefined);
  expect((await view('crashing')).last_failure).toMatchObject({
    reason: 'exit code 7',
    exit_code: 7,
    log_lines: [`begun with [hidden] and ${port}`, 'no model'],
  });
  await until(() => isRunning('crashing'));
  expect(podOf('crashing').metadata.name).toBe(pod.metadata.name);
  expect((await view('crashing')).replicas[0]).toMatchObject({
    last_exit: { exit_code: 7 },
    log_lines: [
      `begun with [hidden] and ${port}`,
      'no model',
      '[ended: exit code 7]',
      `begun with [hidden] and ${port}`,
    ],
  });
  api.cluster.deployments.kill(podOf('crashing'));
  await until(async () => (await view('crashing')).last_failure?.exit_code === 137);
  expect((await view('crashing')).last_failure.reason).toBe(
    'exit code 137 (it needed more memory than its limit of 2Gi)',
  );
  await until(() => isRunning('crashing'));
});

it('a service that answers no more is made anew, and one whose pod is deleted runs in the next one', async () => {
  const pod = podOf('crashing');
  await call('crashing', '/hang');
  await until(async () => (await view('crashing')).last_failure?.reason.includes('health.failures'));
  await until(async () => (await isRunning('crashing')) && podOf('crashing') !== pod);
  const next = podOf('crashing');
  api.cluster.deployments.deletePod(next);
  await until(async () => (await view('crashing')).last_failure?.reason === 'its pod was deleted');
  await until(async () => (await isRunning('crashing')) && podOf('crashing') !== next);
  expect(await call('crashing')).toMatchObject({ replica: '1' });
  await withdraw('crashing');
  await until(() => Promise.resolve(hasGone('crashing')));
});

it('while a pod cannot be scheduled or its image is missing, status_reason has the words of Kubernetes', async () => {
  const { deployments } = api.cluster;
  deployments.unschedulable = '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.';
  port += 1;
  await define('waiting');
  await until(async () => (await view('waiting')).status_reason?.includes('Insufficient'));
  expect(await view('waiting')).toMatchObject({
    service_status: 'deploying',
    status_reason:
      'it is being started: no node can take its pod: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu',
  });
  deployments.unschedulable = undefined;
  deployments.quota = 'pods "cy-1" is forbidden: exceeded quota: compute';
  deployments.retry();
  api.endWatches();
  await until(async () => (await view('waiting')).status_reason?.includes('exceeded quota'));
  deployments.quota = undefined;
  deployments.imageProblem = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "node:1"' };
  deployments.retry();
  await until(async () => (await view('waiting')).status_reason?.includes('Back-off'));
  deployments.imageProblem = undefined;
  deployments.retry();
  await until(() => isRunning('waiting'));
  expect(await call('waiting')).toMatchObject({ greeting: 'hello' });
  await withdraw('waiting');
  await until(() => Promise.resolve(hasGone('waiting')));
});

it('a service that no pod can run is not given to the agent, and its status_reason says what to connect', async () => {
  await writeFile(join(services, 'process.yaml'), "slug: process\ncommand: [node, -e, '1']\n");
  await until(async () => (await view('process')).status_reason !== undefined);
  expect((await view('process')).status_reason).toBe(
    'no connected agent can host services that are processes, mount volumes or have files beside their definition: connect one without --executor kubernetes; it starts when one connects',
  );
  await withdraw('process');
  await define('greedy', 'hello', 'resources: { memory: 4Gi }\n');
  await until(async () => (await view('greedy')).last_failure !== undefined);
  expect((await view('greedy')).last_failure.reason).toBe(
    'it asks for 4096Mi of memory, and profile default allows 2Gi',
  );
  await withdraw('greedy');
  await define('both', 'hello', 'required_labels: [gpu, big]\n');
  await until(async () => (await view('both')).last_failure !== undefined);
  expect((await view('both')).last_failure.reason).toBe(
    'the agent has no profile whose pods offer all of gpu, big; its operator can add one',
  );
  await withdraw('both');
  await until(async () => (await server.get('/r/containers/both')).status === 404);
});

it('an agent whose role allows no Deployments runs tasks, and hosts no services', async () => {
  await agent.end('SIGTERM');
  api.forbidden = ['deployments'];
  await agent.start();
  port += 1;
  await define('forbidden');
  await until(async () => (await view('forbidden')).status_reason?.includes('rights'));
  expect((await view('forbidden')).status_reason).toBe(
    'no connected agent with the label container can host services that are containers: give an agent with --executor kubernetes the rights for services, or connect one without --executor kubernetes; it starts when one connects',
  );
  api.forbidden = [];
});
