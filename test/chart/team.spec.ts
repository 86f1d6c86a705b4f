import { expect, it } from 'vitest';

import { podOf, render, valuesOf } from './chart.js';

const team = valuesOf('team.yaml');
const pools = valuesOf('team-pools.yaml');
const inOrder = (names: string[]): string[] => names.toSorted((one, other) => one.localeCompare(other));
const named = (kind: string, values: object): string[] =>
  inOrder(render(values).flatMap((manifest) => (manifest.kind === kind ? [manifest['metadata'].name] : [])));
const secretKey = (name: string, key: string): object => ({ valueFrom: { secretKeyRef: { name, key } } });

it('mode team runs the endpoint, the runtime and the agents in pods of their own, which find one another by Services', () => {
  expect(named('Deployment', team)).toEqual([
    'release-cyberun-mcp',
    'release-cyberun-mcp-agent',
    'release-cyberun-mcp-runtime',
  ]);
  const mcp = podOf(team, 'mcp');
  const runtime = podOf(team, 'runtime');
  const agent = podOf(team, 'agent');
  expect([mcp, runtime, agent].map(({ container }) => container.args)).toEqual([
    ['serve', '--role', 'mcp'],
    ['serve', '--role', 'runtime'],
    ['agent'],
  ]);
  const host = 'release-cyberun-mcp-runtime.team.svc.cluster.local';
  expect(mcp.env['CYBERUN_RUNTIME_URL']).toBe(`http://${host}/api/v1`);
  expect(agent.env['CYBERUN_AGENT_GATEWAY']).toBe(`http://${host}`);
  // Links to files begin with the Service of the endpoint, which has no Ingress in front.
  expect(runtime.env['CYBERUN_HTTP_PUBLIC_URL']).toBe('http://release-cyberun-mcp.team.svc.cluster.local');
  expect(mcp.env).toMatchObject({
    CYBERUN_HTTP_PUBLIC_URL: runtime.env['CYBERUN_HTTP_PUBLIC_URL'],
    CYBERUN_RUNTIME_FORWARD_LINKS: 'true',
  });
  expect(podOf({}).env).not.toHaveProperty('CYBERUN_RUNTIME_FORWARD_LINKS');
  expect(podOf({ runtime: { forwardLinks: true } }).env).toHaveProperty('CYBERUN_RUNTIME_FORWARD_LINKS');
  expect(named('Service', team)).toEqual(['release-cyberun-mcp', 'release-cyberun-mcp-runtime']);
});

it('no workload, Service or budget of mode team selects the pods of another', () => {
  const manifests = render(pools);
  const workloads = manifests.filter(({ kind }) => ['Deployment', 'DaemonSet'].includes(kind));
  const pods = manifests.flatMap(({ spec }) => (spec?.template ? [spec.template.metadata.labels] : []));
  const selectors = manifests.flatMap(({ kind, spec }) =>
    kind === 'Service' ? [spec.selector] : (spec?.selector?.matchLabels ?? []),
  );
  expect(pods).toHaveLength(workloads.length + 1);
  for (const selector of selectors) {
    const selected = pods.filter((labels) =>
      Object.entries(selector).every(([key, value]) => labels[key] === value),
    );
    expect(selected, JSON.stringify(selector)).toHaveLength(1);
  }
});

it('the runtime has its database, its object store and its first key from Secrets', () => {
  const { container, env } = podOf(team, 'runtime');
  expect(container.env).toContainEqual({
    name: 'CYBERUN_DATABASE_URL',
    ...secretKey('cyberun-database', 'url'),
  });
  expect(container.env).toContainEqual({
    name: 'CYBERUN_S3_SECRET_ACCESS_KEY',
    ...secretKey('cyberun-files', 'secret-access-key'),
  });
  expect(env).toMatchObject({ CYBERUN_S3_BUCKET: 'cyberun-files', CYBERUN_S3_REGION: 'eu-central-1' });
  expect(env).not.toHaveProperty('CYBERUN_S3_SESSION_TOKEN');
  expect(env).not.toHaveProperty('CYBERUN_BOOTSTRAP_KEY');
  const more = podOf(pools, 'runtime');
  expect(more.container.env).toContainEqual({
    name: 'CYBERUN_BOOTSTRAP_KEY',
    ...secretKey('cyberun-key', 'key'),
  });
  expect(more.container.env).toContainEqual({
    name: 'CYBERUN_S3_SESSION_TOKEN',
    ...secretKey('cyberun-files', 'token'),
  });
  expect(more.env).toMatchObject({
    CYBERUN_S3_PUBLIC_ENDPOINT: 'https://files.example.com',
    CYBERUN_FILES_MAX_BYTES: '2147483648',
    CYBERUN_WORKFLOWS_DIR: '/etc/cyberun-mcp/workflows',
  });
  expect(podOf(pools, 'mcp').env).not.toHaveProperty('CYBERUN_WORKFLOWS_DIR');
});

it('the URL of a database is in Secrets of the pods that use it, and nowhere else', () => {
  const manifests = render(pools);
  const { url } = (pools as { database: { url: string } }).database;
  const holders = manifests.filter((manifest) => JSON.stringify(manifest).includes(url));
  expect(inOrder(holders.map(({ kind, metadata }) => `${kind} ${metadata.name}`))).toEqual([
    'Secret release-cyberun-mcp-migrate-env',
    'Secret release-cyberun-mcp-runtime-env',
  ]);
});

it('a Job brings the tables up to date before pods of a new version start, unless it is switched off', () => {
  const manifests = render(pools);
  const job = manifests.find(({ kind }) => kind === 'Job');
  const hooks = { 'helm.sh/hook': 'pre-install,pre-upgrade' };
  expect(job?.['metadata'].annotations).toMatchObject({ ...hooks, 'helm.sh/hook-weight': '0' });
  expect(job?.['spec']).toMatchObject({ backoffLimit: 2, activeDeadlineSeconds: 7200 });
  const { containers, serviceAccountName } = job?.['spec'].template.spec ?? {};
  expect(containers[0].args).toEqual(['migrate']);
  const database = secretKey('release-cyberun-mcp-migrate-env', 'database-url');
  expect(containers[0].env).toContainEqual({ name: 'CYBERUN_DATABASE_URL', ...database });
  // The ServiceAccount of the release is made after the hook.
  expect(serviceAccountName).toBeUndefined();
  const secret = manifests.find(({ metadata }) => metadata.name === 'release-cyberun-mcp-migrate-env');
  expect(secret?.['metadata'].annotations).toMatchObject({ ...hooks, 'helm.sh/hook-weight': '-1' });
  expect(named('Job', { ...team, database: { existingSecret: 'a', migration: { enabled: false } } })).toEqual(
    [],
  );
});

it('an agent is named after its pod, has its key from a Secret, and as much time to end as its runs may take', () => {
  const { pod, container, env } = podOf(team, 'agent');
  expect(container.env).toContainEqual({ name: 'CYBERUN_AGENT_KEY', ...secretKey('cyberun-agent', 'key') });
  expect(container.env).toContainEqual({
    name: 'CYBERUN_AGENT_ID',
    valueFrom: { fieldRef: { fieldPath: 'metadata.name' } },
  });
  expect(env).toMatchObject({ CYBERUN_AGENT_SLOTS: '2', CYBERUN_AGENT_DRAIN_SECONDS: '60' });
  expect(pod.terminationGracePeriodSeconds).toBe(90);
  expect(container).not.toHaveProperty('livenessProbe');
  expect(pod.volumes).toContainEqual({ name: 'work', emptyDir: { sizeLimit: '10Gi' } });
});

it('pools of agents have the values of agent and those of their own, on GPUs where they ask for them', () => {
  expect(named('DaemonSet', pools)).toEqual(['release-cyberun-mcp-agent-gpu']);
  const { deployment, pod, container, env } = podOf(pools, 'agent', 'release-cyberun-mcp-agent-gpu');
  expect(container.image).toBe('registry.example.com/cyberun-cuda:12');
  expect(container.resources.limits).toEqual({ memory: '2Gi', 'nvidia.com/gpu': 1 });
  expect(env).toMatchObject({ CYBERUN_AGENT_LABELS: 'local,gpu', CYBERUN_AGENT_DRAIN_SECONDS: '600' });
  expect(pod).toMatchObject({
    runtimeClassName: 'nvidia',
    nodeSelector: { 'nvidia.com/gpu.present': 'true' },
    terminationGracePeriodSeconds: 630,
  });
  expect(deployment['spec'].template.metadata.labels.team).toBe('agents');
  expect(deployment['spec']).not.toHaveProperty('replicas');
  const cpu = podOf(pools, 'agent', 'release-cyberun-mcp-agent-cpu');
  expect(cpu.deployment['spec'].replicas).toBe(4);
  expect(cpu.env).toMatchObject({ CYBERUN_AGENT_LABELS: 'local,cpu', CYBERUN_AGENT_SLOTS: '4' });
  expect(cpu.pod.volumes[1].ephemeral.volumeClaimTemplate.spec.resources.requests.storage).toBe('100Gi');
});

it('mode team has a budget for each workload of several pods, and none for a DaemonSet', () => {
  expect(named('PodDisruptionBudget', pools)).toEqual([
    'release-cyberun-mcp',
    'release-cyberun-mcp-agent-cpu',
    'release-cyberun-mcp-runtime',
  ]);
});

it('the Ingress leads to the runtime for REST, links and the console, and for agents from elsewhere only where that is allowed', () => {
  const paths = (values: object): string[] =>
    render(values)
      .find(({ kind }) => kind === 'Ingress')
      ?.['spec'].rules[0].http.paths.map(
        ({ path, backend }: { path: string; backend: { service: { name: string } } }) =>
          `${path} ${backend.service.name}`,
      );
  const toRuntime = (path: string): string => `${path} release-cyberun-mcp-runtime`;
  const files = ['/api/v1/r', '/api/v1/links', '/api/v1/uploads'].map(toRuntime);
  const runtime = [...files, ...['/api/v1/credentials', '/api/v1/session', '/console'].map(toRuntime)];
  const gateway = '/api/v1/gateway release-cyberun-mcp-runtime';
  expect(paths(pools)).toEqual([...runtime, gateway, '/ release-cyberun-mcp']);
  const ingress = { enabled: true, hosts: ['cyberun.example.com'] };
  expect(paths({ ...team, ingress })).toEqual([...runtime, '/ release-cyberun-mcp']);
  const closed = { ...team, ingress, runtime: { console: false } };
  expect(paths(closed)).toEqual([...files, '/ release-cyberun-mcp']);
  expect(podOf(closed, 'runtime').env['CYBERUN_CONSOLE']).toBe('off');
  expect(podOf(closed, 'mcp').env).not.toHaveProperty('CYBERUN_CONSOLE');
  expect(podOf({ mode: 'trial', runtime: { console: false } }).env['CYBERUN_CONSOLE']).toBe('off');
  expect(paths(valuesOf('gateway-ingress.yaml'))).toEqual(['/ release-cyberun-mcp']);
});

it('the rates of a team count at the runtime, too, which trusts the pods of the endpoint', () => {
  const rates = { requestsPerKey: 1200, requestsPerAddress: 3000, failedKeysPerAddress: 30 };
  const limits = {
    ...rates,
    callsPerKey: 10,
    trustedProxies: ['192.0.2.0/24'],
    podNetworks: ['10.244.0.0/16'],
  };
  const values = { ...team, ingress: { enabled: true, hosts: ['a.example.com'] }, limits };
  const set = (role: string): object =>
    Object.fromEntries(
      Object.entries(podOf(values, role).env).filter(([name]) => /RATE|FAILED|PROXIES|_PER_/.test(name)),
    );
  const counted = {
    CYBERUN_HTTP_RATE_PER_ADDRESS: '3000',
    CYBERUN_HTTP_RATE_PER_KEY: '1200',
    CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS: '30',
  };
  expect(set('runtime')).toEqual({
    ...counted,
    CYBERUN_HTTP_TRUSTED_PROXIES: '192.0.2.0/24,10.244.0.0/16',
  });
  expect(set('mcp')).toEqual({
    ...counted,
    CYBERUN_HTTP_TRUSTED_PROXIES: '192.0.2.0/24',
    CYBERUN_MCP_CALLS_PER_KEY: '10',
    CYBERUN_MCP_SESSIONS_PER_KEY: expect.any(String),
  });
  expect(podOf({ ...team, limits: rates }, 'runtime').env).not.toHaveProperty('CYBERUN_HTTP_RATE_PER_KEY');
});

it('mode team stops every pod with no replicas, and has no agents where they run elsewhere', () => {
  const values = { ...team, replicaCount: 0, runtime: { replicaCount: 0 }, agent: { enabled: false } };
  const manifests = render(values).filter(({ kind }) => kind === 'Deployment');
  expect(manifests.map(({ spec }) => spec.replicas)).toEqual([0, 0]);
});
