import { createHash } from 'node:crypto';

import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { JobProfiles } from '../../src/agent/kubernetes/job-profiles.js';
import { agentSelector, runJob } from '../../src/agent/kubernetes/run-job.js';
import { serviceObjects } from '../../src/agent/kubernetes/service-objects.js';
import { serviceOrder } from '../../src/contract/index.js';
import { type Manifest, podOf, render, valuesOf } from './chart.js';

const values = valuesOf('team-jobs.yaml');
const manifests = render(values);
const NAME = 'release-cyberun-mcp-agent-jobs';
const find = (kind: string, name = NAME, from = manifests): Manifest | undefined =>
  from.find((manifest) => manifest.kind === kind && manifest['metadata'].name === name);

const SERVICE = serviceOrder.parse({
  service_slug: 'notes',
  command: [],
  container: { image: 'notes:1', pull_policy: 'ifNotPresent', volumes: [], resources: {}, port: 8080 },
  environment: {},
  health_path: '/health',
  limits: {
    start_timeout_ms: 1000,
    health_interval_ms: 1000,
    health_timeout_ms: 1000,
    health_failures: 3,
    request_timeout_ms: 1000,
  },
});
const team = valuesOf('team.yaml');
const withExecutor = (executor: object): object => ({
  ...team,
  agent: { key: { existingSecret: 'agent' }, executor: { mode: 'jobs', ...executor } },
});

it('an agent that makes Jobs is one pod with an id that its next pod has too, and none beside it', () => {
  const { deployment, pod, env } = podOf(values, 'agent', NAME);
  expect(deployment['spec']).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
  expect(env).toMatchObject({
    CYBERUN_AGENT_ID: NAME,
    CYBERUN_AGENT_EXECUTOR: 'kubernetes',
    CYBERUN_AGENT_KUBERNETES_IMAGE: 'registry.example.com/cyberun-science:1',
    CYBERUN_AGENT_KUBERNETES_NAMESPACE: 'team',
    CYBERUN_AGENT_KUBERNETES_OWNER: `${NAME}-owner`,
    CYBERUN_AGENT_SLOTS: '50',
    // Its runs go on without it.
    CYBERUN_AGENT_DRAIN_SECONDS: '0',
  });
  expect(pod.terminationGracePeriodSeconds).toBe(30);
  expect(pod.containers[0].resources.limits.memory).toBe('512Mi');
});

it('the pods of Jobs reach their agent by a Service that selects it alone', () => {
  const { env, container, deployment } = podOf(values, 'agent', NAME);
  const service = find('Service');
  expect(env['CYBERUN_AGENT_KUBERNETES_URL']).toBe(`http://${NAME}.team.svc.cluster.local:8090`);
  expect(service?.['spec'].ports).toEqual([{ name: 'runs', port: 8090, targetPort: 'runs' }]);
  expect(container.ports).toEqual([
    { name: 'runs', containerPort: Number(env['CYBERUN_AGENT_KUBERNETES_PORT']) },
  ]);
  const selected = manifests.filter(({ spec }) =>
    Object.entries(service?.['spec'].selector).every(
      ([key, value]) => spec?.template?.metadata.labels?.[key] === value,
    ),
  );
  expect(selected).toEqual([deployment]);
});

it('an agent that makes Jobs has a ServiceAccount of its own, with the least rights in one namespace', () => {
  const { pod } = podOf(values, 'agent', NAME);
  expect(pod).toMatchObject({ serviceAccountName: NAME, automountServiceAccountToken: true });
  expect(find('ServiceAccount')).toBeDefined();
  expect(find('Role')?.['rules']).toEqual([
    { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list', 'delete'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
    { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
    { apiGroups: [''], resources: ['events'], verbs: ['list'] },
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['create', 'get', 'list', 'delete'] },
    { apiGroups: [''], resources: ['services'], verbs: ['create', 'get'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    { apiGroups: [''], resources: ['configmaps'], resourceNames: [`${NAME}-owner`], verbs: ['get'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
  ]);
  const binding = find('RoleBinding');
  expect(binding?.['roleRef']).toMatchObject({ kind: 'Role', name: NAME });
  expect(binding?.['subjects']).toEqual([{ kind: 'ServiceAccount', name: NAME, namespace: 'team' }]);
  const others = manifests.filter(({ kind, metadata }) => kind === 'Deployment' && metadata.name !== NAME);
  for (const { spec } of others) expect(spec.template.spec.automountServiceAccountToken).toBe(false);
});

it('an agent reads the profiles that the chart writes, and their pods can pull the image', () => {
  const text = find('ConfigMap', `${NAME}-profiles`)?.['data']['profiles.yaml'] as string;
  const { profiles } = parse(text) as { profiles: object[] };
  const read = JobProfiles.of(profiles, ['local']);
  expect(read.labels).toEqual(['local', 'gpu']);
  expect(read.for(['gpu'])).toMatchObject({
    name: 'gpu',
    serviceAccountName: 'science',
    localQueue: 'gpu-queue',
    diskSize: '100Gi',
    startSeconds: 3600,
    resources: { limits: { memory: '16Gi', 'nvidia.com/gpu': '1' } },
  });
  const account = read.for([])?.serviceAccountName ?? '';
  expect(find('ServiceAccount', account)).toMatchObject({
    automountServiceAccountToken: false,
    imagePullSecrets: [{ name: 'registry' }],
  });
});

it('a change of the profiles restarts the agent, and without any there is one for all runs', () => {
  const of = (executor: object): Manifest[] => render(withExecutor(executor));
  const agent = 'release-cyberun-mcp-agent';
  const checksum = (executor: object): unknown =>
    find('Deployment', agent, of(executor))?.['spec'].template.metadata.annotations['checksum/profiles'];
  expect(checksum({})).not.toBe(checksum({ profiles: [{ name: 'other' }] }));
  const text = find('ConfigMap', `${agent}-profiles`, of({}))?.['data']['profiles.yaml'] as string;
  expect(parse(text)).toEqual({ profiles: [{ name: 'default' }] });
  const selectors = { profiles: [{ name: 'a', nodeSelector: { gpu: true } }] };
  expect(find('ConfigMap', `${agent}-profiles`, of(selectors))?.['data']['profiles.yaml']).toContain(
    'gpu: "true"',
  );
});

it('Jobs in a namespace of their own have the Role there, for the agent in that of the release', () => {
  const rendered = render({
    ...withExecutor({ namespace: 'runs' }),
    image: { pullSecrets: ['registry'] },
    networkPolicy: { enabled: true },
  });
  const elsewhere = rendered.filter(({ metadata }) => metadata.namespace === 'runs');
  expect(elsewhere.map(({ kind }) => kind).toSorted()).toEqual([
    'ConfigMap',
    'NetworkPolicy',
    'NetworkPolicy',
    'Role',
    'RoleBinding',
    'ServiceAccount',
  ]);
  const agent = 'release-cyberun-mcp-agent';
  expect(find('RoleBinding', agent, rendered)?.['subjects'][0].namespace).toBe('team');
  expect(podOf(withExecutor({ namespace: 'runs' }), 'agent').env['CYBERUN_AGENT_KUBERNETES_NAMESPACE']).toBe(
    'runs',
  );
});

it('a namespace of digits is a text, and pods that egress names without one are those of the release', () => {
  const pods = (app: string): object => ({ podSelector: { matchLabels: { app } } });
  const proxy = { to: [pods('proxy'), { namespaceSelector: {}, ...pods('any') }] };
  const given = {
    ...withExecutor({ namespace: '2026' }),
    networkPolicy: { enabled: true, s3: [pods('minio')], agentExtraEgress: [proxy] },
  };
  const rendered = render(given);
  const agent = 'release-cyberun-mcp-agent';
  const { env } = podOf(given, 'agent').container;
  expect(env).toContainEqual({ name: 'CYBERUN_AGENT_KUBERNETES_NAMESPACE', value: '2026' });
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': 'team' } };
  const runs = find('NetworkPolicy', `${agent}-runs`, rendered);
  expect(runs?.['metadata'].namespace).toBe('2026');
  const [, files, , extra] = runs?.['spec'].egress ?? [];
  expect(files.to).toEqual([{ ...pods('minio'), namespaceSelector }]);
  expect(extra.to).toEqual([
    { ...pods('proxy'), namespaceSelector },
    { ...pods('any'), namespaceSelector: {} },
  ]);
  expect(find('NetworkPolicy', agent, rendered)?.['spec'].egress).toContainEqual(proxy);
});

it('an agent that makes Jobs has an existing ServiceAccount where the values name one, and no Role then', () => {
  const existing = withExecutor({ serviceAccountName: 'existing' });
  expect(podOf(existing, 'agent').pod.serviceAccountName).toBe('existing');
  expect(render(existing).map(({ kind }) => kind)).not.toContain('Role');
});

it('network policies let the pods of Jobs reach their agent, the files and DNS, and the agent the API server and its services', () => {
  const runs = find('NetworkPolicy', `${NAME}-runs`)?.['spec'];
  const [profile] = [JobProfiles.of([{ name: 'a' }], []).for([])];
  if (!profile) throw new Error('there is no profile');
  const settings = { agentId: NAME, image: 'a', url: 'http://a' };
  const job = runJob({ task_id: 'a', attempt: 1 }, settings, profile, {
    timeoutSeconds: 0,
    holdSeconds: 7.5,
  });
  expect(job.spec?.template.metadata?.labels).toMatchObject(runs.podSelector.matchLabels);
  expect(agentSelector(NAME)).toContain(createHash('sha256').update(NAME).digest('hex').slice(0, 32));
  const ports = (rules: { ports?: { port: unknown }[] }[]): unknown[] =>
    rules.flatMap((rule) => rule.ports?.map(({ port }) => port) ?? ['any']);
  expect(runs.ingress).toEqual([]);
  expect(ports(runs.egress)).toEqual([53, 53, 9000, 'runs', 443]);
  const agent = find('NetworkPolicy', 'release-cyberun-mcp-agent')?.['spec'];
  expect(ports(agent.ingress)).toEqual(['runs']);
  expect(agent.ingress[0].from[0].podSelector.matchLabels).toEqual(runs.podSelector.matchLabels);
  expect(ports(agent.egress)).toEqual([53, 53, 9000, 'http', 'any', 443, 6443, 443]);
  expect(agent.egress[4].to).toEqual([{ ipBlock: { cidr: '10.0.0.1/32' } }]);
  const services = find('NetworkPolicy', `${NAME}-services`)?.['spec'];
  const named = { agentId: NAME, name: 'cy-notes', version: '1' };
  const { deployment } = serviceObjects(SERVICE, profile, named);
  expect(deployment.spec?.template.metadata?.labels).toMatchObject(services.podSelector.matchLabels);
  expect(agent.egress[3].to[0].podSelector.matchLabels).toEqual(services.podSelector.matchLabels);
  expect(services.ingress).toEqual([{ from: [expect.objectContaining({ podSelector: expect.anything() })] }]);
  expect(ports(services.egress)).toEqual([53, 53, 443]);
});
