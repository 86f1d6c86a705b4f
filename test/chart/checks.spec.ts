import { expect, it } from 'vitest';

import { refusal, render } from './chart.js';

const trial = { mode: 'trial' };
const ingress = (hosts: string[]): object => ({ ingress: { enabled: true, hosts } });

/** Sentences of templates/checks.yaml, checks-options.yaml and checks-pods.yaml, and values that earn them. */
const FORBIDDEN: [name: string, values: object, sentence: string][] = [
  [
    'several replicas of a trial',
    { ...trial, replicaCount: 2 },
    'replicaCount must be 1 in mode trial, because one pod owns the data: leave it empty, or set mode to gateway.',
  ],
  [
    'a trial that scales',
    { ...trial, autoscaling: { enabled: true } },
    'autoscaling.enabled must be false in mode trial, because one pod owns the data: switch it off, or set mode to gateway.',
  ],
  [
    'a trial in front of another runtime',
    { ...trial, runtime: { url: 'https://runtime.example.com/api/v1' } },
    'runtime.url must not be set in mode trial, which runs a runtime of its own: leave it out, or set mode to gateway.',
  ],
  [
    'a gateway to nowhere',
    { runtime: { url: '' } },
    'runtime.url must be set in mode gateway: give the base URL of a Runtime API, or set mode to trial for an embedded one.',
  ],
  [
    'a gateway to something without version',
    { runtime: { url: 'https://runtime.example.com/' } },
    'runtime.url must end in /api/v1, the version of the Runtime API this server speaks: did you mean https://runtime.example.com/api/v1?',
  ],
  ...[
    ['bootstrapKey.existingSecret', { bootstrapKey: { existingSecret: 'key' } }],
    ['persistence.existingClaim', { persistence: { existingClaim: 'claim' } }],
    ['workflows', { workflows: { 'a.yaml': 'a' } }],
    ['services', { services: { 'a.yaml': 'a' } }],
  ].map(([name, values]): [string, object, string] => [
    `a gateway with trial.${String(name)}`,
    { trial: values },
    `trial.${String(name)} only works in mode trial, because a gateway has no runtime of its own: remove it, or set mode to trial.`,
  ]),
  [
    'two Redis',
    { redis: { url: 'redis://redis:6379', existingSecret: 'redis' } },
    'redis.url must be empty while redis.existingSecret is set, because there is one Redis: leave out the one or the other.',
  ],
  [
    'headers for no collector',
    { tracing: { headers: { existingSecret: 'collector' } } },
    'tracing.endpoint must be set while tracing.headers.existingSecret is, because headers go to a collector: give its address, or remove the Secret.',
  ],
  [
    'a share of traces that the sampler does not take',
    { tracing: { endpoint: 'http://collector:4318', samplerRatio: 0.5 } },
    'tracing.samplerRatio has no effect with tracing.sampler parentbased_always_on: remove it, or set the sampler to parentbased_traceidratio.',
  ],
  [
    'a collector in extraEnv beside the one of tracing',
    {
      tracing: { endpoint: 'http://collector:4318' },
      extraEnv: [{ name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://a' }],
    },
    'extraEnv must not set OTEL_EXPORTER_OTLP_ENDPOINT, because the chart does: use tracing.endpoint instead.',
  ],
  [
    'metrics on the port of the endpoint',
    { metrics: { enabled: true, port: 8080 } },
    'metrics.port must not be 8080, because the endpoint has that port: choose another, for example 9464.',
  ],
  [
    'probes on the port of metrics',
    { metrics: { enabled: true }, healthPort: 9464 },
    'healthPort must not be 9464, because the endpoint or metrics.port has that port: choose another, for example 8081.',
  ],
  [
    'a fixed number of pods that scales',
    { replicaCount: 3, autoscaling: { enabled: true } },
    'replicaCount must be empty, or 0, while autoscaling.enabled is true, because they would fight over the number of pods: leave it out and set autoscaling.minReplicas.',
  ],
  [
    'scaling between 5 and 2',
    { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 2 } },
    'autoscaling.maxReplicas must not be below autoscaling.minReplicas: raise the one or lower the other.',
  ],
  [
    'scaling by the use of nothing',
    { autoscaling: { enabled: true }, resources: { limits: { memory: '1Gi' } } },
    'resources.requests.cpu must be set while autoscaling.enabled is true, because utilization is measured against it: set it, for example to 100m.',
  ],
  [
    'an Ingress without names',
    ingress([]),
    'ingress.hosts must not be empty while ingress.enabled is true, because requests are let in by host name: add the name clients use.',
  ],
  [
    'an Ingress for any name',
    ingress(['mcp.example.com', '*.example.com']),
    'ingress.hosts must not hold the wildcard *.example.com, because every name goes into the Host allow-list: list the names clients use.',
  ],
  [
    'a load balancer without a public URL',
    { service: { type: 'LoadBalancer' } },
    'publicUrl must be set while service.type is LoadBalancer, because the chart cannot know the name clients use and the Host check would refuse it: set it, for example to https://mcp.example.com.',
  ],
  [
    'less time to end than calls may take',
    { preStopSeconds: 20 },
    'terminationGracePeriodSeconds must be at least 35, which is preStopSeconds, 10 seconds for calls in flight and a margin of 5: raise it, or lower preStopSeconds.',
  ],
  [
    'a setting that has a value',
    { extraEnv: [{ name: 'CYBERUN_BOOTSTRAP_KEY', value: 'sk-in-clear' }] },
    'extraEnv must not set CYBERUN_BOOTSTRAP_KEY, because the chart does: use trial.bootstrapKey.existingSecret instead.',
  ],
  [
    'a runtime with a password in its address',
    { runtime: { url: 'https://user:password@runtime.example.com/api/v1' } },
    'runtime.url must not hold a user or a password, because every caller sends a key of its own: remove what stands before the @.',
  ],
  [
    'a variable with two values',
    {
      extraEnv: [
        { name: 'A', value: '1' },
        { name: 'A', value: '2' },
      ],
    },
    'extraEnv must not set A twice, because only one value counts: remove the other.',
  ],
  [
    'a variable with a value and a source',
    { extraEnv: [{ name: 'A', value: '1', valueFrom: { secretKeyRef: { name: 'a', key: 'a' } } }] },
    'extraEnv must not give A both value and valueFrom, because it can have only one: remove the other.',
  ],
  [
    'another label in place of one that pods are found by',
    { podLabels: { 'app.kubernetes.io/name': 'mcp' } },
    'podLabels must not hold app.kubernetes.io/name, because pods are found by it: remove it, or set nameOverride to rename them.',
  ],
  [
    'a label of all objects that the chart sets',
    { commonLabels: { 'app.kubernetes.io/managed-by': 'us' } },
    'commonLabels must not hold app.kubernetes.io/managed-by, because the chart sets it: remove it.',
  ],
  [
    'a second volume named tmp',
    { extraVolumes: [{ name: 'tmp', emptyDir: {} }] },
    'extraVolumes must not hold a volume named tmp, because the chart has one: choose another name for it, in extraVolumeMounts too.',
  ],
  [
    'a second volume at /data of a trial',
    { ...trial, extraVolumeMounts: [{ name: 'own', mountPath: '/data/' }] },
    'extraVolumeMounts must not mount own at /data/, because the chart has a volume there: choose another path.',
  ],
  [
    'a route without a Gateway',
    { httpRoute: { enabled: true, hostnames: ['a.example.com'] } },
    'httpRoute.parentRefs must not be empty while httpRoute.enabled is true, because a route belongs to a Gateway: name yours, for example [{ name: gateway, namespace: gateways }].',
  ],
  [
    'a route without names',
    { httpRoute: { enabled: true, parentRefs: [{ name: 'a' }] } },
    'httpRoute.hostnames must not be empty while httpRoute.enabled is true, because requests are let in by host name: add the name clients use.',
  ],
  [
    'a route for any name',
    { httpRoute: { enabled: true, parentRefs: [{ name: 'a' }], hostnames: ['*.example.com'] } },
    'httpRoute.hostnames must not hold the wildcard *.example.com, because every name goes into the Host allow-list: list the names clients use.',
  ],
  [
    'a certificate without an issuer',
    { certificate: { enabled: true } },
    'certificate.issuerRef.name must be set while certificate.enabled is true, because cert-manager asks it for the certificate: name an Issuer or ClusterIssuer.',
  ],
  [
    'a certificate without names',
    { certificate: { enabled: true, issuerRef: { name: 'a' } } },
    'certificate.dnsNames must be set while certificate.enabled is true and there is no Ingress, because the chart cannot know the names: list them, or set ingress.enabled.',
  ],
  ...['podMonitor', 'serviceMonitor', 'prometheusRule', 'dashboard'].map((name): [string, object, string] => [
    `metrics.${name} without metrics`,
    { metrics: { [name]: { enabled: true } } },
    `metrics.${name}.enabled needs metrics.enabled, because there is nothing to read otherwise: set both, or neither.`,
  ]),
  [
    'pods that are scraped twice',
    { metrics: { enabled: true, podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } },
    'metrics.serviceMonitor.enabled must be false while metrics.podMonitor.enabled is true, because each pod would be counted twice: choose one.',
  ],
  [
    'a trial that scales by KEDA',
    { ...trial, keda: { enabled: true } },
    'keda.enabled must be false in mode trial, because one pod owns the data: switch it off, or choose another mode.',
  ],
  [
    'two autoscalers',
    { autoscaling: { enabled: true }, keda: { enabled: true } },
    'keda.enabled must be false while autoscaling.enabled is true, because KEDA makes an autoscaler of its own: choose one.',
  ],
  [
    'a fixed number of pods that scales by KEDA',
    { replicaCount: 3, keda: { enabled: true } },
    'replicaCount must be empty, or 0, while keda.enabled is true, because they would fight over the number of pods: leave it out and set keda.minReplicas.',
  ],
  [
    'scaling by streams that are not counted',
    { keda: { enabled: true, prometheusAddress: 'http://prometheus:9090' } },
    'keda.enabled needs metrics.enabled and keda.prometheusAddress, because KEDA reads the number of open streams from Prometheus: set both.',
  ],
  [
    'scaling by KEDA between 5 and 2',
    {
      metrics: { enabled: true },
      keda: { enabled: true, prometheusAddress: 'http://prometheus:9090', minReplicas: 5, maxReplicas: 2 },
    },
    'keda.maxReplicas must not be below keda.minReplicas: raise the one or lower the other.',
  ],
  [
    'more pods and larger pods by the same CPU',
    { autoscaling: { enabled: true }, verticalPodAutoscaler: { enabled: true } },
    'verticalPodAutoscaler.controlledResources must not hold cpu while autoscaling.enabled is true, because the number of pods follows the CPU that is requested: leave [memory].',
  ],
  [
    'a class of load balancers without one',
    { service: { loadBalancerClass: 'internal' } },
    'service.loadBalancerClass only works with service.type LoadBalancer: remove it, or change the type.',
  ],
  [
    'a port of nodes without NodePort',
    { service: { nodePort: 30_080 } },
    'service.nodePort only works with service.type NodePort or LoadBalancer: remove it, or change the type.',
  ],
];

it.each(FORBIDDEN)('the chart refuses %s in one sentence with the fix', (_name, values, sentence) => {
  expect(refusal(values)).toContain(`: ${sentence}\n`);
});

it.each<[string, object, string]>([
  ['a value that does not exist', { replicas: 2 }, "additional properties 'replicas' not allowed"],
  ['one deep inside', { trial: { agent: { slot: 2 } } }, "additional properties 'slot' not allowed"],
  ['a mode of its own', { mode: 'cluster' }, "value must be one of 'gateway', 'trial', 'team'"],
  ['root', { securityContext: { runAsUser: 0 } }, 'minimum: got 0, want 1'],
  [
    'a volume of many pods',
    { trial: { persistence: { accessMode: 'ReadWriteMany' } } },
    'value must be one of',
  ],
  [
    'an annotation that is a list',
    { podAnnotations: { a: ['b'] } },
    'got array, want boolean or number or string',
  ],
  ['a label without a value', { podLabels: { a: {} } }, 'got object, want boolean or number or string'],
  ['an address to listen on of its own', { listenHost: '10.0.0.1' }, "value must be one of '0.0.0.0', '::'"],
  ['an address without scheme', { publicUrl: 'mcp.example.com' }, 'does not match pattern'],
  ['a session that never ends', { mcp: { sessionIdleSeconds: 0 } }, 'minimum: got 0, want 1'],
])('the schema of the chart refuses %s', (_name, values, problem) => {
  expect(refusal(values)).toContain(problem);
});

it.each([
  ['the largest grace that fits', { preStopSeconds: 15 }],
  ['a trial that ends within 15 seconds', { ...trial, terminationGracePeriodSeconds: 15 }],
  [
    'a trial with the default URL written out',
    { ...trial, runtime: { url: 'https://core.cyberun.cloud/api/v1' } },
  ],
  ['one replica of a trial', { ...trial, replicaCount: 1 }],
  [
    'a load balancer with a name',
    { service: { type: 'LoadBalancer' }, publicUrl: 'https://mcp.example.com' },
  ],
  ['no pods while it scales', { replicaCount: 0, autoscaling: { enabled: true } }],
  ['a volume named data where the chart has none', { extraVolumes: [{ name: 'data', emptyDir: {} }] }],
  ['values shared by several charts', { global: { imageRegistry: 'registry.example.com' } }],
])('the chart accepts %s', (_name, values) => {
  expect(render(values)).not.toHaveLength(0);
});
