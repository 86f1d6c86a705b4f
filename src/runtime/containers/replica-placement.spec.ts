import { expect, it } from 'vitest';

import { capabilitiesOf } from '../../contract/index.js';
import { NO_HISTORY } from './replica-history.js';
import { place, type PlacementInput } from './replica-placement.js';
import type { ServiceDefinition } from './service-definition.js';

type Row = PlacementInput['replicas'][number];
const teamId = 'team';

const service = (count: number, { slug = 'web', hash = 'a', labels = [] as string[] } = {}) => ({
  id: slug,
  teamId,
  contentHash: hash,
  definition: { slug, replica_count: count, required_labels: labels } as unknown as ServiceDefinition,
  createdAt: new Date(0),
  updatedAt: new Date(0),
});
const container = (slug: string, more: object = {}) => {
  const { definition, ...rest } = service(1, { slug });
  return { ...rest, definition: { ...definition, docker_image: 'web:1', ...more } };
};
const agent = (agentId: string, labels: string[] = [], isDraining = false) => ({
  teamId,
  agentId,
  nodeId: 'node',
  labels: capabilitiesOf({ labels, features: ['feature.service-replicas'] }),
  isDraining,
});
const row = (replica: number, agentId: string, more: Partial<Row> = {}): Row => ({
  teamId,
  slug: 'web',
  replica,
  deploymentId: `deployment-${replica}`,
  nodeId: 'node',
  nodeUrl: '',
  agentId,
  contentHash: 'a',
  isStopping: false,
  status: 'running',
  port: 1,
  history: NO_HISTORY,
  updatedAt: new Date(0),
  isHeld: true,
  ...more,
});

/** As short lists: what is assigned where, and the replicas that are stopped, lost and unwanted. */
function decided(input: PlacementInput): Record<string, unknown[]> {
  const { assigned, stopping, lost, unwanted } = place(input);
  return {
    assigned: assigned.map(({ replica, agent: { agentId } }) => `${replica} on ${agentId}`),
    stopping: stopping.map(({ replica }) => replica),
    lost: lost.map(({ replica }) => replica),
    unwanted: unwanted.map(({ replica }) => replica),
  };
}
const NOTHING = { assigned: [], stopping: [], lost: [], unwanted: [] };
const A_AND_B = [agent('a'), agent('b')];

it.each<[string, PlacementInput, object]>([
  [
    'new replicas are spread over the agents with their labels',
    {
      services: [service(3, { labels: ['gpu'] })],
      replicas: [],
      agents: [agent('a', ['gpu']), agent('none'), agent('b', ['gpu'])],
    },
    { assigned: ['1 on a', '2 on b', '3 on a'] },
  ],
  [
    'replicas of a service that has several are not given to an agent that knows one',
    {
      services: [service(2), service(1, { slug: 'single' })],
      replicas: [],
      agents: [{ ...agent('old'), labels: capabilitiesOf({ labels: [] }) }],
    },
    { assigned: ['1 on old'] },
  ],
  [
    'a service is not given to an agent that hosts none',
    {
      services: [service(1)],
      replicas: [],
      agents: [{ ...agent('a'), labels: capabilitiesOf({ labels: [], hosts_services: false }) }, agent('b')],
    },
    { assigned: ['1 on b'] },
  ],
  [
    'a container that needs nothing of a machine is given to an agent that hosts only those, and others are not',
    {
      services: [
        container('web'),
        container('mounts', { volume_config: [{}] }),
        container('files', { bundle: {} }),
      ],
      replicas: [],
      agents: [{ ...agent('a'), labels: ['feature.container-services', 'feature.bundles'] }],
    },
    { assigned: ['1 on a'] },
  ],
  [
    'a replica without a fitting agent stays unassigned',
    { services: [service(1, { labels: ['gpu'] })], replicas: [], agents: A_AND_B },
    {},
  ],
  [
    'replicas that run as they should stay',
    { services: [service(2)], replicas: [row(1, 'a'), row(2, 'b')], agents: A_AND_B },
    {},
  ],
  [
    'a lost replica goes to the agent without one',
    { services: [service(2)], replicas: [row(1, 'a'), row(2, 'c', { isHeld: false })], agents: A_AND_B },
    { lost: [2], assigned: ['2 on b'] },
  ],
  [
    'a replica returns to the agent that has its data, also when that runs more services',
    {
      services: [service(1, { slug: 'other' }), service(1)],
      replicas: [row(1, 'b', { slug: 'other' }), row(1, 'b', { isHeld: false, nodeId: undefined })],
      agents: A_AND_B,
    },
    { assigned: ['1 on b'] },
  ],
  [
    'surplus replicas are stopped, and removed once they have stopped',
    {
      services: [service(1)],
      replicas: [row(1, 'a'), row(2, 'b'), row(3, 'b', { isHeld: false, nodeId: undefined })],
      agents: A_AND_B,
    },
    { stopping: [2], unwanted: [3] },
  ],
  [
    'replicas of a service that is not defined any more are stopped',
    { services: [], replicas: [row(1, 'a')], agents: A_AND_B },
    { stopping: [1] },
  ],
  [
    'replicas of a changed service are replaced one by one',
    { services: [service(2, { hash: 'b' })], replicas: [row(1, 'a'), row(2, 'b')], agents: A_AND_B },
    { stopping: [1] },
  ],
  [
    'the next replica of a changed service waits until the first one runs again',
    {
      services: [service(2, { hash: 'b' })],
      replicas: [row(1, 'a', { contentHash: 'b', status: 'deploying' }), row(2, 'b')],
      agents: A_AND_B,
    },
    {},
  ],
  [
    'replicas of a changed service that do not run are replaced at once',
    {
      services: [service(2, { hash: 'b' })],
      replicas: [row(1, 'a', { status: 'failed' }), row(2, 'b', { status: 'failed' })],
      agents: A_AND_B,
    },
    { stopping: [1, 2] },
  ],
  [
    'one replica moves when another agent has two fewer',
    { services: [service(2)], replicas: [row(1, 'a'), row(2, 'a')], agents: A_AND_B },
    { stopping: [2] },
  ],
  [
    'a running replica does not move while another one is not running',
    {
      services: [service(3)],
      replicas: [row(1, 'a'), row(2, 'a'), row(3, 'c', { status: 'deploying' })],
      agents: [...A_AND_B, agent('c')],
    },
    {},
  ],
  [
    'an agent that drains gets no replica, and one of its replicas moves while others serve',
    {
      services: [service(2), service(1, { slug: 'other' })],
      replicas: [row(1, 'a'), row(2, 'b')],
      agents: [agent('a', [], true), agent('b')],
    },
    { assigned: ['1 on b'], stopping: [1] },
  ],
  [
    'the only replica of a service stays on an agent that drains',
    { services: [service(1)], replicas: [row(1, 'a')], agents: [agent('a', [], true), agent('b')] },
    {},
  ],
  [
    'a replica whose agent has lost its label is stopped',
    { services: [service(1, { labels: ['gpu'] })], replicas: [row(1, 'a')], agents: A_AND_B },
    { stopping: [1] },
  ],
])('placement decides that %s', (_what, input, expected) => {
  expect(decided(input)).toEqual({ ...NOTHING, ...expected });
});
