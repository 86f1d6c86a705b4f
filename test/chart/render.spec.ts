import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { packageVersion, settingsOf, StandaloneAgentSettings } from '../../src/config/index.js';

import { chartFile, chartFolder, only, podOf, podsOf, render, renderText, valuesOf } from './chart.js';

const valueSets = readdirSync(join(chartFolder, 'ci'));
const settings = new Set([
  ...settingsOf(StandaloneAgentSettings.prototype).map(({ env }) => env),
  'CYBERUN_AGENT_KEY', // read apart from the others
]);

it('the chart has the version of the package', () => {
  expect(parse(chartFile('Chart.yaml'))).toMatchObject({
    version: packageVersion,
    appVersion: packageVersion,
  });
});

it('the chart renders its defaults as it did', async () => {
  const text = renderText({}).replaceAll(packageVersion, 'VERSION');
  await expect(text).toMatchFileSnapshot('./snapshots/defaults.yaml');
});

it('the chart names only settings that exist', () => {
  const templates = readdirSync(join(chartFolder, 'templates')).map((file) => chartFile(`templates/${file}`));
  const named = new Set(templates.join('\n').match(/CYBERUN_[A-Z0-9_]*[A-Z0-9]\b(?!_)/g));
  named.delete('CYBERUN_API_KEY'); // of the person who reads NOTES.txt
  expect([...named].filter((name) => !settings.has(name))).toEqual([]);
});

const variablesOf = (valueSet: string): string[] =>
  podsOf(valuesOf(valueSet))
    .flatMap(({ container }) => container.env.map(({ name }: { name: string }) => name))
    .filter((name) => name.startsWith('CYBERUN_'));

it.each(valueSets)('the chart sets only settings that exist, with %s', (valueSet) => {
  expect(variablesOf(valueSet).filter((name) => !settings.has(name))).toEqual([]);
});

it('the chart refuses each setting it sets itself in extraEnv', () => {
  const checks = chartFile('templates/checks-pods.yaml');
  const given = new Set(['CYBERUN_TEAM_TASKS_RUNNING']); // in extraEnv of a set of values
  const unknown = valueSets.flatMap(variablesOf).filter((name) => !checks.includes(`"${name}"`));
  expect(unknown.filter((name) => !given.has(name))).toEqual([]);
});

describe.each(
  ['defaults', ...valueSets].flatMap((valueSet) =>
    podsOf(valueSet === 'defaults' ? {} : valuesOf(valueSet)).map((pod) => ({ valueSet, ...pod })),
  ),
)('with $valueSet, the pods of $name', ({ name, pod, container }) => {
  it('a pod meets the restricted Pod Security Standard on a read-only file system', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('a pod has no access to the cluster, unless it is an agent that makes Jobs', () => {
    const makesJobs = container.env?.some(
      (variable: { name: string }) => variable.name === 'CYBERUN_AGENT_EXECUTOR',
    );
    expect(pod).toMatchObject({
      automountServiceAccountToken: makesJobs === true,
      enableServiceLinks: false,
    });
  });

  it('a pod is bounded, and a server is probed and given the time its calls need', () => {
    expect(container.resources.limits.memory).toMatch(/i$/);
    if (container.args?.[0] !== 'serve') return;
    expect(container.livenessProbe.httpGet).toEqual({ path: '/health/live', port: 'health' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/health/ready', port: 'health' });
    expect(
      container.startupProbe.failureThreshold * container.startupProbe.periodSeconds,
    ).toBeGreaterThanOrEqual(120);
    const valueOf = (setting: string): string | undefined =>
      container.env.find((variable: { name: string }) => variable.name === setting)?.value;
    const drain = Number(valueOf('CYBERUN_HTTP_DRAIN_SECONDS') ?? 0);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(drain + 10);
    expect(container.ports).toContainEqual({
      name: 'health',
      containerPort: Number(valueOf('CYBERUN_HEALTH_PORT')),
    });
  });

  it('a pod mounts the volumes it has, and no others', () => {
    const names = (items: { name: string }[]): string[] => items.map((item) => item.name).sort();
    expect(names(container.volumeMounts), name).toEqual(names(pod.volumes));
  });
});

it('mode gateway runs role mcp in two replicas that are spread, replaced without a gap, and drained one by one', () => {
  const { deployment, pod, container, env } = podOf({});
  expect(container.args).toEqual(['serve', '--role', 'mcp']);
  expect(env['CYBERUN_RUNTIME_URL']).toBe('https://core.cyberun.cloud/api/v1');
  expect(deployment['spec']).toMatchObject({
    replicas: 2,
    strategy: { rollingUpdate: { maxUnavailable: 0 } },
  });
  expect(pod.topologySpreadConstraints).toHaveLength(2);
  expect(pod.securityContext).not.toHaveProperty('fsGroup');
  expect(env['CYBERUN_HTTP_DRAIN_SECONDS']).toBe('5');
  expect(container.lifecycle).toBeUndefined();
  expect(only('PodDisruptionBudget', render({}))?.['spec'].maxUnavailable).toBe(1);
});

it('mode gateway has no data', () => {
  expect(render({}).map(({ kind }) => kind)).not.toContain('PersistentVolumeClaim');
  expect(podOf({}).env).not.toHaveProperty('CYBERUN_DATA_DIR');
});

it('mode gateway leaves the number of pods to the autoscaler', () => {
  const manifests = render(valuesOf('gateway-autoscaling.yaml'));
  expect(only('Deployment', manifests)?.['spec']).not.toHaveProperty('replicas');
  expect(only('HorizontalPodAutoscaler', manifests)?.['spec']).toMatchObject({
    minReplicas: 3,
    maxReplicas: 20,
  });
});

it('mode gateway sends a client to the same pod, unless the pods share their sessions', () => {
  const affinity = (values: object): unknown => only('Service', render(values))?.['spec'].sessionAffinity;
  expect(affinity({})).toBe('ClientIP');
  expect(affinity({ redis: { url: 'redis://redis:6379' } })).toBe('None');
  expect(affinity({ redis: { existingSecret: 'redis' } })).toBe('None');
  expect(affinity({ redis: { existingSecret: 'redis' }, service: { sessionAffinity: 'ClientIP' } })).toBe(
    'ClientIP',
  );
});

it('mode gateway has the URL of Redis from the values or from a Secret', () => {
  expect(podOf({}).env).not.toHaveProperty('CYBERUN_REDIS_URL');
  const values = { redis: { url: 'redis://:password@redis:6379' } };
  const own = { secretKeyRef: { name: 'release-cyberun-mcp-env', key: 'redis-url' } };
  expect(podOf(values).container.env).toContainEqual({ name: 'CYBERUN_REDIS_URL', valueFrom: own });
  expect(only('Secret', render(values))?.['stringData']).toEqual({ 'redis-url': values.redis.url });
  const { container } = podOf(valuesOf('gateway-ingress.yaml'));
  const valueFrom = { secretKeyRef: { name: 'redis', key: 'uri' } };
  expect(container.env).toContainEqual({ name: 'CYBERUN_REDIS_URL', valueFrom });
});

it('mode gateway serves metrics inside the cluster only, and only when they are enabled', () => {
  const values = { metrics: { enabled: true, port: 9500 } };
  const { container, env } = podOf(values);
  expect(env['CYBERUN_METRICS_PORT']).toBe('9500');
  expect(container.ports).toContainEqual({ name: 'metrics', containerPort: 9500 });
  expect(only('Service', render(values))?.['spec'].ports).toHaveLength(1);
  expect(podOf({}).env).not.toHaveProperty('CYBERUN_METRICS_PORT');
  const names = podOf({}).container.ports.map(({ name }: { name: string }) => name);
  expect(names).toEqual(['http', 'health']);
});

it('a value that looks like a secret is in the Secret and nowhere else, and a change of it restarts the pods', () => {
  const secrets = {
    HTTPS_PROXY: 'http://user:password@proxy.example.com:3128',
    OTHER_TOKEN: 'a-token',
    ODD_NAME: 'sk-abcdefghijklmnopqrst',
    SMTP_PASS: 'value-of-pass',
    ADMIN_PWD: 'value-of-pwd',
    APIKEY: 'value-of-apikey',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-team=value-of-headers',
    SENTRY_DSN: 'value-of-dsn',
    DB_PASSPHRASE_2: 'value-of-passphrase',
    ODD_HEADER_LINE: 'Authorization=Bearer%20value-of-line',
    ODD_SCHEME: 'basic dXNlcjpwYXNz',
    ODD_URL: 'postgresql://user:pass/word@db.example.com/app',
    ODD_CLONE: 'https://a-token@git.example.com/repository',
    ODD_FORGE: 'ghp_0123456789',
    ODD_JWT: 'eyJhbGciOiJIUzI1NiJ9.e30.a',
    ODD_FILE: '-----BEGIN PRIVATE KEY-----',
  };
  const plain = {
    NO_PROXY: 'a.example.com:80,user@b',
    NODE_EXTRA_CA_CERTS: '/etc/ca.crt',
    HTTP_PROXY: 'http://proxy.example.com:3128',
    CYBERUN_MCP_REPLY_TOKENS: '8000',
    OTEL_SERVICE_NAME: 'cyberun-basic',
  };
  const extraEnv = Object.entries({ ...secrets, ...plain }).map(([name, value]) => ({ name, value }));
  const manifests = render({ extraEnv });
  expect(only('Secret', manifests)?.['stringData']).toEqual(secrets);
  const deployment = only('Deployment', manifests);
  for (const value of Object.values(secrets)) expect(JSON.stringify(deployment)).not.toContain(value);
  expect(podOf({ extraEnv }).env).toMatchObject(plain);
  const checksum = (value: string): unknown =>
    podOf({ extraEnv: [{ name: 'A_SECRET', value }] }).deployment['spec'].template.metadata.annotations[
      'checksum/secret'
    ];
  expect(checksum('one')).not.toBe(checksum('two'));
  expect(only('Secret', render({}))).toBeUndefined();
});

it('labels, annotations and variables that are numbers or booleans become text', () => {
  const values = { number: 8443, large: 12_345_678, yes: true, text: 'on' };
  const text = { number: '8443', large: '12345678', yes: 'true', text: 'on' };
  const own = {
    podLabels: values,
    podAnnotations: values,
    commonLabels: { cost: 42 },
    commonAnnotations: { checked: false },
    service: { annotations: values },
    extraEnv: Object.entries(values).map(([name, value]) => ({ name, value })),
  };
  const manifests = render(own);
  const { metadata, spec } = podOf(own).deployment['spec'].template;
  expect(metadata.labels).toMatchObject({ ...text, cost: '42' });
  expect(metadata.annotations).toEqual(text);
  expect(spec.containers[0].env).toContainEqual({ name: 'large', value: '12345678' });
  expect(only('Service', manifests)?.['metadata'].annotations).toEqual({ ...text, checked: 'false' });
  for (const { metadata: each } of manifests) {
    expect(each.labels.cost).toBe('42');
    expect(each.annotations.checked).toBe('false');
  }
});

it('replicaCount 0 stops all pods in each mode, and the autoscaler with them', () => {
  for (const values of [{}, { mode: 'trial' }, { autoscaling: { enabled: true } }]) {
    const manifests = render({ ...values, replicaCount: 0 });
    expect(only('Deployment', manifests)?.['spec'].replicas).toBe(0);
    expect(manifests.map(({ kind }) => kind)).not.toContain('HorizontalPodAutoscaler');
    expect(manifests.map(({ kind }) => kind)).not.toContain('PodDisruptionBudget');
  }
});

it('the pods listen on IPv6 where the values say so', () => {
  expect(podOf({}).env['CYBERUN_HTTP_HOST']).toBe('0.0.0.0');
  expect(podOf({ listenHost: '::' }).env['CYBERUN_HTTP_HOST']).toBe('::');
});

it('the image comes from the registry of the values, or of the parent chart', () => {
  const image = (values: object): unknown => podOf(values).container.image.replace(packageVersion, 'VERSION');
  expect(image({})).toBe('cyberun-mcp:VERSION');
  expect(image({ image: { registry: 'a.example.com' } })).toBe('a.example.com/cyberun-mcp:VERSION');
  const global = { imageRegistry: 'b.example.com/mirror', imagePullSecrets: ['parent', { name: 'named' }] };
  const parent = { global, image: { registry: 'a.example.com', pullSecrets: ['own', 'parent'] } };
  expect(image(parent)).toBe('b.example.com/mirror/cyberun-mcp:VERSION');
  expect(podOf(parent).pod.imagePullSecrets).toEqual([
    { name: 'parent' },
    { name: 'named' },
    { name: 'own' },
  ]);
});

it('mode gateway needs no disruption budget for one pod', () => {
  expect(only('PodDisruptionBudget', render({ replicaCount: 1 }))).toBeUndefined();
});

const { deployment, pod, container, env } = podOf({ mode: 'trial' });

it('mode trial runs everything in one pod that is gone before the next one comes', () => {
  expect(container.args).toEqual(['serve', '--role', 'all']);
  expect(deployment['spec']).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
  expect(deployment['spec'].strategy).not.toHaveProperty('rollingUpdate');
  expect(env).not.toHaveProperty('CYBERUN_RUNTIME_URL');
});

it('mode trial keeps its data on a volume that is its own and outlives the release', () => {
  const claim = only('PersistentVolumeClaim', render({ mode: 'trial' }));
  expect(claim?.['spec'].accessModes).toEqual(['ReadWriteOnce']);
  expect(claim?.['metadata'].annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
  expect(pod.volumes).toContainEqual({
    name: 'data',
    persistentVolumeClaim: { claimName: claim?.['metadata'].name },
  });
  // In a folder of its own: the volume belongs to root and is open to a group.
  expect(env['CYBERUN_DATA_DIR']).toBe('/data/cyberun');
  expect(container.volumeMounts).toContainEqual({ name: 'data', mountPath: '/data' });
  expect(pod.securityContext.fsGroup).toBe(pod.securityContext.runAsUser);
});

it('mode trial takes its first key from a Secret, never from a value', () => {
  const own = podOf(valuesOf('trial-own-workflows.yaml')).container;
  expect(own.env).toContainEqual({
    name: 'CYBERUN_BOOTSTRAP_KEY',
    valueFrom: { secretKeyRef: { name: 'cyberun-key', key: 'integration' } },
  });
  expect(env).not.toHaveProperty('CYBERUN_BOOTSTRAP_KEY');
});

it('mode trial writes numbers as the settings read them', () => {
  expect(podOf(valuesOf('trial-own-workflows.yaml')).env['CYBERUN_FILES_MAX_BYTES']).toBe('2147483648');
});

it('mode trial restarts when its definitions change, and only then', () => {
  const checksum = (command: string): string => {
    const workflows = { 'a.yaml': command };
    return podOf({ mode: 'trial', trial: { workflows } }).deployment['spec'].template.metadata.annotations[
      'checksum/definitions'
    ];
  };
  expect(checksum('one')).toBe(checksum('one'));
  expect(checksum('one')).not.toBe(checksum('two'));
  expect(deployment['spec'].template.metadata).not.toHaveProperty('annotations');
});

const hosts = (values: object): string[] | undefined =>
  podOf(values).env['CYBERUN_MCP_ALLOWED_HOSTS']?.split(',');
const INSIDE = [
  'release-cyberun-mcp',
  'release-cyberun-mcp.team',
  'release-cyberun-mcp.team.svc',
  'release-cyberun-mcp.team.svc.cluster.local',
  'localhost',
  '127.0.0.1',
  '[::1]',
];

it("the Host allow-list holds every name of the Service, and this machine's for kubectl port-forward", () => {
  expect(hosts({})).toEqual(INSIDE);
});

it('the Host allow-list holds every name of the Ingress, and those added', () => {
  expect(hosts(valuesOf('gateway-ingress.yaml'))).toEqual([
    ...INSIDE,
    'mcp.example.com',
    'mcp.example.org',
    'mcp.internal:8443',
  ]);
});

it('the Host allow-list holds the host of the public URL, for any port', () => {
  expect(hosts(valuesOf('gateway-autoscaling.yaml'))).toEqual([...INSIDE, 'mcp.example.com']);
});

it("the Host allow-list follows the cluster's domain", () => {
  expect(hosts({ clusterDomain: 'k8s.example' })).toContain('release-cyberun-mcp.team.svc.k8s.example');
});

it.each([
  ['the name of the Service', {}, 'http://release-cyberun-mcp.team.svc.cluster.local'],
  ['with its port', { service: { port: 8081 } }, 'http://release-cyberun-mcp.team.svc.cluster.local:8081'],
  ['where kubectl port-forward ends, for a trial', { mode: 'trial' }, 'http://localhost:8080'],
  ['the first name of the Ingress', valuesOf('gateway-ingress.yaml'), 'https://mcp.example.com'],
  ['without TLS where it ends none', valuesOf('trial-own-workflows.yaml'), 'http://trial.example.com'],
  ['what it is said to be', valuesOf('gateway-autoscaling.yaml'), 'https://mcp.example.com:8443'],
])('the public URL is %s', (_name, values, url) => {
  expect(podOf(values).env['CYBERUN_HTTP_PUBLIC_URL']).toBe(url);
});
