import { expect, it } from 'vitest';

import { refusal, render } from './chart.js';

const team = {
  mode: 'team',
  database: { existingSecret: 'database' },
  s3: { endpoint: 'http://s3', bucket: 'files', existingSecret: 's3' },
  agent: { key: { existingSecret: 'agent' } },
};

/** Every sentence about pods of mode team, and values that earn it. */
const FORBIDDEN: [name: string, values: object, sentence: string][] = [
  [
    'a team in front of another runtime',
    { ...team, runtime: { url: 'https://runtime.example.com/api/v1' } },
    'runtime.url must not be set in mode team, which runs a runtime of its own: leave it out, or set mode to gateway.',
  ],
  [
    'a team without a database',
    { ...team, database: {} },
    'database.existingSecret must be set in mode team, because the pods of the runtime share their tasks in PostgreSQL: name a Secret with its URL, or give database.url.',
  ],
  [
    'two databases',
    { ...team, database: { url: 'postgresql://postgres/a', existingSecret: 'a' } },
    'database.url must be empty while database.existingSecret is set, because there is one database: leave out the one or the other.',
  ],
  ...[
    ['endpoint', 'https://s3.eu-central-1.amazonaws.com'],
    ['bucket', 'cyberun-files'],
    ['existingSecret', 'the name of a Secret with an access key'],
  ].map(([name = '', example]): [string, object, string] => [
    `a team without s3.${name}`,
    { ...team, s3: { ...team.s3, [name]: '' } },
    `s3.${name} must be set in mode team, because no pod keeps files: set it, for example to ${example}.`,
  ]),
  ...(['requestsPerKey', 'requestsPerAddress', 'failedKeysPerAddress'] as const).map(
    (rate): [string, object, string] => [
      `a team behind an Ingress with limits.${rate} that does not say which networks its pods have`,
      { ...team, ingress: { enabled: true, hosts: ['a.example.com'] }, limits: { [rate]: 5 } },
      `limits.podNetworks must be set while limits.${rate} is set and an Ingress or an HTTPRoute leads to the runtime, because the runtime limits clients, too, and must know the endpoint's pods, which call it for all clients: list the networks of the cluster's pods, for example [10.244.0.0/16].`,
    ],
  ),
  [
    'networks of pods without a runtime',
    { limits: { podNetworks: ['10.244.0.0/16'] } },
    'limits.podNetworks only works in mode team, because mode gateway has no such pods: remove it, or set mode to team.',
  ],
  [
    'a team with definitions of a trial',
    { ...team, trial: { workflows: { 'a.yaml': 'a' } } },
    'trial.workflows only works in mode trial: use runtime.workflows in mode team.',
  ],
  [
    'a Secret of the database that is made after the migration needs it',
    { ...team, extraObjects: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: '{{ "data" }}base' } }] },
    'extraObjects must not make the Secret database of database.existingSecret while database.migration.enabled is true, because the Job of the migration runs before the objects of the release are there: set database.migration.enabled to false, so that the runtime makes the tables at its start, or make the Secret before the install.',
  ],
  [
    'several agents that make Jobs in one pool',
    { ...team, agentPools: { gpu: { executor: { mode: 'jobs' }, replicaCount: 2 } } },
    'agentPools.gpu must be one agent of kind Deployment while its executor.mode is jobs, because the next one finds its Jobs by its id: set replicaCount to 1 and raise slots, or add pools.',
  ],
  [
    'an agent on each node that makes Jobs',
    { ...team, agent: { ...team.agent, kind: 'DaemonSet', executor: { mode: 'jobs' } } },
    'agent must be one agent of kind Deployment while its executor.mode is jobs, because the next one finds its Jobs by its id: set replicaCount to 1 and raise slots, or add pools.',
  ],
  [
    'GPUs for an agent whose tasks run elsewhere',
    { ...team, agent: { ...team.agent, gpus: 1, executor: { mode: 'jobs' } } },
    'agent.gpus must be 0 while executor.mode is jobs, because tasks do not run in the pod of the agent: ask for GPUs in the resources of a profile in executor.profiles.',
  ],
  [
    'a Service of an agent whose name is too long',
    {
      ...team,
      fullnameOverride: 'a'.repeat(53),
      agentPools: { 'many-gpus': { executor: { mode: 'jobs' } } },
    },
    `agentPools.many-gpus needs a Service named ${'a'.repeat(53)}-agent-many-gpus while executor.mode is jobs, which has more than 63 characters: set a shorter fullnameOverride, or rename the pool.`,
  ],
  ...Object.entries({
    image: 'a',
    namespace: 'a',
    profiles: [{ name: 'a' }],
    serviceAccountName: 'a',
  }).map(([name, value]): [string, object, string] => [
    `executor.${name} of processes`,
    { ...team, agent: { ...team.agent, executor: { [name]: value } } },
    `agent.executor.${name} only works with executor.mode jobs, because processes run in the pods of the agents: remove it, or change the mode.`,
  ]),
  [
    'agents that make Jobs outside a team',
    { agent: { executor: { mode: 'jobs' } } },
    'agent.executor.mode jobs only works in mode team, because mode gateway has no such pods: remove it, or set mode to team.',
  ],
  [
    'agents without a key',
    { ...team, agent: {} },
    'agent.key.existingSecret must be set, because agents connect with an ak- key: name a Secret, which may be made after the install, or set agent.enabled to false.',
  ],
  [
    'a pool of agents that is killed before it has drained',
    { ...team, agentPools: { gpu: { drainSeconds: 600, terminationGracePeriodSeconds: 600 } } },
    'agentPools.gpu.terminationGracePeriodSeconds must be at least 615, which is drainSeconds and 15 seconds to return runs: raise it, leave it empty, or lower drainSeconds.',
  ],
  ...Object.entries({
    'database.existingSecret': { database: { existingSecret: 'a' } },
    'database.url': { database: { url: 'postgresql://postgres/a' } },
    's3.endpoint': { s3: { endpoint: 'http://s3' } },
    's3.existingSecret': { s3: { existingSecret: 'a' } },
    'runtime.bootstrapKey.existingSecret': { runtime: { bootstrapKey: { existingSecret: 'a' } } },
    'runtime.workflows': { runtime: { workflows: { 'a.yaml': 'a' } } },
    'runtime.services': { runtime: { services: { 'a.yaml': 'a' } } },
    'runtime.exposeGateway': { runtime: { exposeGateway: true } },
    'agent.key.existingSecret': { agent: { key: { existingSecret: 'a' } } },
    agentPools: { agentPools: { gpu: {} } },
  }).map(([name, values]): [string, object, string] => [
    `${name} outside a team`,
    values,
    `${name} only works in mode team, because mode gateway has no such pods: remove it, or set mode to team.`,
  ]),
  [
    'a setting of the runtime that has a value',
    { ...team, runtime: { extraEnv: [{ name: 'CYBERUN_S3_BUCKET', value: 'a' }] } },
    'runtime.extraEnv must not set CYBERUN_S3_BUCKET, because the chart does: use s3.bucket instead.',
  ],
  [
    'a setting of agents that has a value, in a pool',
    { ...team, agentPools: { gpu: { extraEnv: [{ name: 'CYBERUN_AGENT_SLOTS', value: 4 }] } } },
    'agentPools.gpu.extraEnv must not set CYBERUN_AGENT_SLOTS, because the chart does: use agent.slots instead.',
  ],
  [
    'a second folder for runs',
    { ...team, agent: { ...team.agent, extraVolumeMounts: [{ name: 'a', mountPath: '/work' }] } },
    'agent.extraVolumeMounts must not mount a at /work, because the chart has a volume there: choose another path.',
  ],
  [
    "a container of the chart's name",
    { ...team, runtime: { extraContainers: [{ name: 'cyberun-mcp', image: 'a' }] } },
    'runtime.extraContainers must not hold a container named cyberun-mcp, because the chart has one: choose another name.',
  ],
];

it.each(FORBIDDEN)('the chart refuses %s in one sentence with the fix', (_name, values, sentence) => {
  expect(refusal(values)).toContain(`: ${sentence}\n`);
});

it.each([
  ['a team with the least it needs', team],
  [
    'a Secret of the database that a hook makes first',
    {
      ...team,
      extraObjects: [
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: {
            name: 'database',
            namespace: 'team',
            annotations: { 'helm.sh/hook': 'pre-install', 'helm.sh/hook-weight': '-5' },
          },
        },
      ],
    },
  ],
  [
    'a Secret of the database beside it without a migration',
    {
      ...team,
      database: { existingSecret: 'database', migration: { enabled: false } },
      extraObjects: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'database' } }],
    },
  ],
  ['a team without agents', { ...team, agent: { enabled: false } }],
  [
    'a setting of the runtime without a value',
    { ...team, runtime: { extraEnv: [{ name: 'CYBERUN_FILES_INPUT_DAYS', value: 3 }] } },
  ],
])('the chart accepts %s', (_name, values) => {
  expect(render(values)).not.toHaveLength(0);
});
