import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { MarkdownFile } from '../support/documents.js';
import { type Manifest, podOf, render, valuesOf } from './chart.js';

const route = render(valuesOf('gateway-http-route.yaml'));
const scaled = render(valuesOf('gateway-keda.yaml'));
const team = render(valuesOf('team-private.yaml'));
const of = (kind: string, manifests: Manifest[], suffix = ''): Manifest | undefined =>
  manifests.find(
    ({ kind: each, metadata }) => each === kind && metadata.name.endsWith(`cyberun-mcp${suffix}`),
  );
const defaults = new Set(render({}).map(({ kind }) => kind));

it.each([
  'HTTPRoute',
  'NetworkPolicy',
  'PodMonitor',
  'ServiceMonitor',
  'PrometheusRule',
  'Certificate',
  'ScaledObject',
  'VerticalPodAutoscaler',
])('the chart makes no %s unless the values ask for it', (kind) => {
  expect(defaults).not.toContain(kind);
});

it('an HTTPRoute lets streams last, keeps no client at one pod, and its names pass the Host check', () => {
  const { rules } = of('HTTPRoute', route)?.['spec'] ?? {};
  expect(rules).toHaveLength(1);
  expect(rules[0].timeouts).toEqual({ request: '0s' });
  expect(rules[0]).not.toHaveProperty('sessionPersistence');
  const { env } = podOf(valuesOf('gateway-http-route.yaml'));
  expect(env['CYBERUN_HTTP_PUBLIC_URL']).toBe('https://mcp.example.com');
  expect(env['CYBERUN_MCP_ALLOWED_HOSTS']?.split(',')).toContain('mcp.example.com');
});

it('an HTTPRoute of a team leads to the runtime for its paths and to the endpoint for all others', () => {
  const httpRoute = { enabled: true, parentRefs: [{ name: 'a' }], hostnames: ['a.example.com'] };
  const { rules } = of('HTTPRoute', render({ ...valuesOf('team.yaml'), httpRoute }))?.['spec'] ?? {};
  const ways = rules.map(
    ({ matches, backendRefs }: { matches: { path: { value: string } }[]; backendRefs: object[] }) => [
      matches.map(({ path }) => path.value),
      backendRefs[0],
    ],
  );
  expect(ways).toEqual([
    [
      ['/api/v1/r', '/api/v1/links', '/api/v1/uploads', '/api/v1/credentials', '/api/v1/session', '/console'],
      { name: 'release-cyberun-mcp-runtime', port: 80 },
    ],
    [['/'], { name: 'release-cyberun-mcp', port: 80 }],
  ]);
});

it('network policies deny both directions for every role, and open the ports that the role uses', () => {
  const ports = (suffix: string, direction: 'ingress' | 'egress'): unknown[] => {
    const policy = of('NetworkPolicy', team, suffix)?.['spec'];
    expect(policy.policyTypes).toEqual(['Ingress', 'Egress']);
    return policy[direction].flatMap((rule: { ports: { port: unknown }[] }) =>
      rule.ports.map(({ port }) => port),
    );
  };
  expect(ports('', 'ingress')).toEqual(['metrics', 'http']);
  // The tools for files follow links of the runtime to the object store.
  expect(ports('', 'egress')).toEqual([53, 53, 6379, 'http', 9000]);
  expect(ports('-runtime', 'ingress')).toEqual(['metrics', 'http']);
  expect(ports('-runtime', 'egress')).toEqual([53, 53, 5432, 9000, 'http']);
  expect(ports('-agent', 'ingress')).toEqual([]);
  expect(ports('-agent', 'egress')).toEqual([53, 53, 9000, 'http', 443]);
  expect(ports('-migrate', 'egress')).toEqual([53, 53, 5432]);
  expect(ports('-test', 'egress')).toEqual([53, 53, 'http', 9000]);
});

it('network policies lead the endpoint to the public address of the object store, and nowhere that the test may not go', () => {
  const s3 = { endpoint: 'http://minio.storage.svc:9000', publicEndpoint: 'https://files.example.com:8443' };
  const peers = [{ ipBlock: { cidr: '203.0.113.0/24' } }];
  const rendered = render({
    ...valuesOf('team.yaml'),
    s3: { ...s3, bucket: 'files', existingSecret: 'files' },
    networkPolicy: { enabled: true, publicS3: peers },
  });
  expect(of('NetworkPolicy', rendered)?.['spec'].egress.at(-1)).toEqual({
    ports: [{ port: 8443, protocol: 'TCP' }],
    to: peers,
  });
  expect(of('NetworkPolicy', rendered, '-test')?.['spec'].egress).toHaveLength(2);
  const test = of('Pod', rendered, '-test')?.['spec'].containers[0].env;
  expect(test).toContainEqual({ name: 'TEST_LINKS', value: 'answered' });
});

it('every pod that traces has the variables of tracing, and its network policy leads to the collector', () => {
  const peers = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }];
  const values = {
    ...valuesOf('team-jobs.yaml'),
    tracing: {
      endpoint: 'http://otel-collector.monitoring.svc:4318',
      headers: { existingSecret: 'collector', key: 'otlp' },
      sampler: 'parentbased_traceidratio',
      samplerRatio: 0.1,
    },
    networkPolicy: { enabled: true, tracing: peers },
  };
  const variables = [
    { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://otel-collector.monitoring.svc:4318' },
    {
      name: 'OTEL_EXPORTER_OTLP_HEADERS',
      valueFrom: { secretKeyRef: { name: 'collector', key: 'otlp' } },
    },
    { name: 'OTEL_TRACES_SAMPLER', value: 'parentbased_traceidratio' },
    { name: 'OTEL_TRACES_SAMPLER_ARG', value: '0.1' },
  ];
  const containers = [
    podOf(values).container,
    podOf(values, 'runtime').container,
    podOf(values, 'agent', 'release-cyberun-mcp-agent-jobs').container,
    podOf(values, 'agent', 'release-cyberun-mcp-agent-small').container,
  ];
  for (const { env } of containers) expect(env).toEqual(expect.arrayContaining(variables));
  const toCollector = { ports: [{ port: 4318, protocol: 'TCP' }], to: peers };
  for (const suffix of ['', '-runtime', '-agent', '-agent-jobs-runs'])
    expect(of('NetworkPolicy', render(values), suffix)?.['spec'].egress, suffix).toContainEqual(toCollector);
  expect(JSON.stringify(render(valuesOf('team-jobs.yaml')))).not.toContain('OTEL_');
});

it('network policies open DNS anywhere, or at the peers and ports of the values alone', () => {
  const dns = (networkPolicy: object): unknown =>
    of('NetworkPolicy', render({ networkPolicy: { enabled: true, ...networkPolicy } }))?.['spec'].egress[0];
  const ports = (port: number): object[] => [
    { port, protocol: 'UDP' },
    { port, protocol: 'TCP' },
  ];
  expect(dns({})).toEqual({ ports: ports(53) });
  const peers = [{ podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }];
  expect(dns({ dns: peers, dnsPorts: [5353] })).toEqual({ ports: ports(5353), to: peers });
});

it('network policies select the pods of their role, and peers in the cluster are pods of this release', () => {
  const pods = team.flatMap(({ kind, metadata, spec }) =>
    kind === 'Pod' ? [metadata.labels] : spec?.template ? [spec.template.metadata.labels] : [],
  );
  const selectors = team
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .flatMap(({ spec }) => [
      spec.podSelector.matchLabels,
      ...[...spec.ingress, ...spec.egress].flatMap((rule: { from?: object[]; to?: object[] }) =>
        [...(rule.from ?? []), ...(rule.to ?? [])].flatMap(
          (peer: { podSelector?: { matchLabels: object } }) =>
            peer.podSelector ? [peer.podSelector.matchLabels] : [],
        ),
      ),
    ]);
  expect(selectors.length).toBeGreaterThan(8);
  for (const selector of selectors) {
    const selected = pods.filter((labels) =>
      Object.entries(selector).every(([key, value]) => labels[key] === value),
    );
    expect(selected, JSON.stringify(selector)).toHaveLength(1);
  }
});

it('network policies name the peers of the values, and let the test of Helm in beside them', () => {
  const [metrics, http] = of('NetworkPolicy', route)?.['spec'].ingress ?? [];
  expect(metrics.from[0].namespaceSelector.matchLabels).toEqual({
    'kubernetes.io/metadata.name': 'monitoring',
  });
  expect(http.from).toHaveLength(2);
  expect(http.from[1].podSelector.matchLabels['app.kubernetes.io/component']).toBe('test');
  expect(of('NetworkPolicy', route)?.['spec'].egress[1].ports[0].port).toBe(6380);
});

it('a ServiceMonitor finds a Service of its own, which selects the pods that serve metrics', () => {
  const { labels } = of('Service', scaled, '-metrics')?.['metadata'] ?? {};
  expect(labels).toMatchObject(of('ServiceMonitor', scaled)?.['spec'].selector.matchLabels);
  expect(of('Service', scaled)?.['metadata'].labels['app.kubernetes.io/component']).toBe('mcp');
  const pod = of('Deployment', scaled)?.['spec'].template.metadata.labels;
  expect(pod).toMatchObject(of('Service', scaled, '-metrics')?.['spec'].selector);
});

it('the rules and the dashboard are those of the files, as they are', () => {
  expect(JSON.stringify(of('PrometheusRule', route))).toContain('{{ $labels.');
  const dashboard = of('ConfigMap', route, '-dashboard');
  expect(JSON.parse(dashboard?.['data']['cyberun-mcp.json'])).toHaveProperty('panels');
  expect(dashboard?.['metadata'].labels).toMatchObject({ grafana_dashboard: '1' });
});

it('alerts lead to the runbook at the address of the values, and to its path in the repository without one', () => {
  const links = (manifests: Manifest[]): string[] =>
    of('PrometheusRule', manifests)?.['spec'].groups.flatMap(
      ({ rules }: { rules: { annotations: Record<string, string> }[] }) =>
        rules.map(({ annotations }) => annotations['runbook_url']),
    );
  expect(links(route)[0]).toBe('docs/operate.md#cyberunnoreplicaready');
  const [first, ...others] = links(render(valuesOf('team-jobs.yaml')));
  expect(first).toBe('https://git.example.com/cyberun-mcp/blob/main/docs/operate.md#cyberunnoreplicaready');
  for (const link of others)
    expect(link).toMatch(/^https:\/\/git\.example\.com\/cyberun-mcp\/blob\/main\/docs\//);
});

it('KEDA counts the streams of the pods of the endpoint, which then have no fixed number', () => {
  const { triggers } = of('ScaledObject', scaled)?.['spec'] ?? {};
  const [, pattern = ''] = /pod=~"([^"]+)"/.exec(triggers[0].metadata.query) ?? [];
  const matches = (pod: string): boolean => new RegExp(`^(?:${pattern})$`).test(pod);
  expect(matches('release-cyberun-mcp-7d9c5b8f6d-x2k4q')).toBe(true);
  expect(matches('release-cyberun-mcp-runtime-7d9c5b8f6d-x2k4q')).toBe(false);
  expect(of('Deployment', scaled)?.['spec']).not.toHaveProperty('replicas');
  expect(of('HorizontalPodAutoscaler', scaled)).toBeUndefined();
});

it('a Certificate writes the Secret that the Ingress reads', () => {
  const { secretName, dnsNames } = of('Certificate', scaled)?.['spec'] ?? {};
  expect(of('Ingress', scaled)?.['spec'].tls).toEqual([{ hosts: dnsNames, secretName }]);
});

it('pods have what the values add: containers, variables, hooks, hosts, DNS, runtime class and spread', () => {
  const { pod, container } = podOf(valuesOf('gateway-http-route.yaml'));
  expect(pod).toMatchObject({
    hostAliases: [{ ip: '10.0.0.7', hostnames: ['runtime.example.com'] }],
    dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
    runtimeClassName: 'gvisor',
    initContainers: [{ name: 'wait' }],
  });
  expect(pod.containers.map(({ name }: { name: string }) => name)).toEqual(['cyberun-mcp', 'collector']);
  expect(pod.topologySpreadConstraints).toMatchObject([
    { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 2, whenUnsatisfiable: 'ScheduleAnyway' },
  ]);
  expect(pod.topologySpreadConstraints[0].labelSelector.matchLabels).toHaveProperty([
    'app.kubernetes.io/name',
  ]);
  expect(container.envFrom).toEqual([{ configMapRef: { name: 'proxies' } }]);
  expect(container.lifecycle).toEqual({ preStop: { exec: { command: ['sleep', '5'] } } });
});

it('a Service has the class, networks, policies and IP families of the values', () => {
  const service = {
    type: 'LoadBalancer',
    nodePort: 30_080,
    loadBalancerClass: 'internal',
    loadBalancerSourceRanges: ['203.0.113.0/24'],
    externalTrafficPolicy: 'Local',
    ipFamilyPolicy: 'RequireDualStack',
    ipFamilies: ['IPv6', 'IPv4'],
  };
  const { nodePort, ...rest } = service;
  const rendered = of('Service', render({ publicUrl: 'https://a.example.com', service }))?.['spec'];
  expect(rendered).toMatchObject(rest);
  expect(rendered.ports[0].nodePort).toBe(nodePort);
});

it('extraObjects are objects of the release, in which templates work', () => {
  expect(of('ConfigMap', route, '-extra')?.['data']).toEqual({ mode: 'gateway' });
});

it('the test of Helm has a key from a Secret, and runs what the values name, or a sample where samples are served', () => {
  const env = (manifests: Manifest[]): Record<string, { value?: string; valueFrom?: object }> =>
    Object.fromEntries(
      of('Pod', manifests, '-test')?.['spec'].containers[0].env.map((each: { name: string }) => [
        each.name,
        each,
      ]),
    );
  expect(env(route)).toMatchObject({
    TEST_URL: { value: 'http://release-cyberun-mcp.team.svc.cluster.local:80/api/v1/mcp' },
    TEST_WORKFLOW: { value: 'hello' },
    TEST_PARAMETERS: { value: '{"name":"test"}' },
    TEST_KEY: { valueFrom: { secretKeyRef: { name: 'test-key', key: 'key' } } },
  });
  expect(env(render({ mode: 'trial' }))['TEST_WORKFLOW']?.value).toBe('mandelbrot');
  expect(env(render({}))['TEST_WORKFLOW']?.value).toBe('');
  expect(env(render({}))['TEST_LINKS']?.value).toBe('');
  expect(env(team)).toMatchObject({
    TEST_LINKS: { value: 'followed' },
    TEST_PUBLIC_URL: { value: 'http://release-cyberun-mcp.team.svc.cluster.local' },
  });
  expect(env(render(valuesOf('trial-own-workflows.yaml')))).toMatchObject({
    TEST_WORKFLOW: { value: '' },
    TEST_KEY: { valueFrom: { secretKeyRef: { name: 'cyberun-key', key: 'integration' } } },
  });
});

it('limits and the policy of tools reach the pods of the endpoint as settings, and are not set unless asked for', () => {
  const mcp = { readOnly: true, tools: ['list_*', 'get_task'] };
  const { env } = podOf({ ...valuesOf('gateway-ingress.yaml'), mcp });
  expect(env).toMatchObject({
    CYBERUN_MCP_READ_ONLY: 'true',
    CYBERUN_MCP_TOOLS: 'list_*,get_task',
    CYBERUN_HTTP_TRUSTED_PROXIES: '10.0.0.0/8',
    CYBERUN_HTTP_RATE_PER_KEY: '1200',
    CYBERUN_HTTP_RATE_PER_ADDRESS: '3000',
    CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS: '30',
    CYBERUN_MCP_CALLS_PER_KEY: '50',
    CYBERUN_MCP_STREAMS_PER_KEY: '100',
  });
  const isOne = /RATE|FAILED_KEYS|PER_KEY|TRUSTED|READ_ONLY|MCP_TOOLS$/;
  expect(Object.keys(podOf({}).env).filter((name) => isOne.test(name))).toEqual([
    'CYBERUN_MCP_SESSIONS_PER_KEY',
  ]);
});

it.each(['gateway-ingress.yaml', 'team.yaml', 'trial.yaml'])(
  'the values of docs/oauth.md mount the file of OAuth into the pods of the endpoint of %s',
  (name) => {
    const [, sample] = new MarkdownFile('docs/oauth.md').snippets('yaml');
    const { pod, container, env } = podOf({ ...valuesOf(name), ...(parse(sample?.text ?? '') as object) });
    expect(env['CYBERUN_OAUTH_FILE']).toBe('/etc/cyberun/oauth/oauth.yaml');
    expect(container.volumeMounts).toContainEqual({
      name: 'oauth',
      mountPath: '/etc/cyberun/oauth',
      readOnly: true,
    });
    expect(pod.volumes).toContainEqual({ name: 'oauth', secret: { secretName: 'cyberun-oauth' } });
  },
);
