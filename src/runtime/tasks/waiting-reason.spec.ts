import { expect, it } from 'vitest';

import { waitingReason } from './waiting-reason.js';

const NOW = new Date('2026-01-31T08:00:00.250Z');
const agents = {
  count: 1,
  agent_id: 'gpu-01',
  draining: 0,
  has_labels: true,
  slots: 1,
  busy: 1,
  away_id: null,
  team_runs: 1,
};
const none = { ...agents, count: 0, agent_id: null, has_labels: false, slots: 0, busy: 0 };
const task = {
  labels: ['gpu'],
  agents,
  ahead: 2,
  teamLimit: undefined,
  leaseSeconds: 60,
  delay: undefined,
  retry: { number: 1, of: 3 },
};

it.each<[string, object]>([
  ['2 tasks ahead; the slot of gpu-01, the only agent with the label gpu, is busy', {}],
  ['1 task ahead; the slot of gpu-01, the only agent with the label gpu, is busy', { ahead: 1 }],
  ['next in its queue; the slot of gpu-01, the only agent with the label gpu, is busy', { ahead: 0 }],
  ['the slot of gpu-01, the only agent with the label gpu, is busy', { ahead: undefined }],
  [
    'more than 1000 tasks ahead; all 8 slots of the 3 agents with the labels gpu, cuda12 are busy',
    { ahead: 1001, labels: ['gpu', 'cuda12'], agents: { ...agents, count: 3, slots: 8, busy: 8 } },
  ],
  [
    '2 tasks ahead; 3 of 8 slots of the 3 agents are free',
    { labels: [], agents: { ...agents, count: 3, slots: 8, busy: 5 } },
  ],
  ['it starts in a moment', { ahead: 0, agents: { ...agents, busy: 0 } }],
  [
    'gpu-01, the only agent, has no slots for tasks',
    { labels: [], agents: { ...agents, slots: 0, busy: 0 } },
  ],
  ['no agent is connected', { labels: [], agents: none }],
  ['no connected agent has the labels gpu, cuda12', { labels: ['gpu', 'cuda12'], agents: none }],
  [
    'the only agent with the label gpu is about to end and takes no new tasks (draining)',
    { agents: { ...none, draining: 1 } },
  ],
  [
    'all 2 agents with the label gpu are about to end and take no new tasks (draining)',
    { agents: { ...none, draining: 2 } },
  ],
  [
    'no connected agent has the labels gpu; agent gpu-02, which has, lost its connection and is waited for, for at most 60 s',
    { agents: { ...none, away_id: 'gpu-02' } },
  ],
  [
    'no connected agent with the label gpu can limit the time of a step: update the agent',
    { labels: ['gpu', 'feature.step-timeouts'], agents: { ...none, has_labels: true } },
  ],
  [
    'no connected agent can take the files beside a definition and limit the time of a step: update the agent',
    { labels: ['feature.bundles', 'feature.step-timeouts'], agents: { ...none, has_labels: true } },
  ],
  ['no connected agent has the labels gpu', { labels: ['gpu', 'feature.step-timeouts'], agents: none }],
  [
    'no connected agent with the label gpu can limit the time of a step: update the agent; agent gpu-02, which can, lost its connection and is waited for, for at most 60 s',
    {
      labels: ['gpu', 'feature.step-timeouts'],
      agents: { ...none, has_labels: true, away_id: 'gpu-02' },
    },
  ],
  [
    'the slot of gpu-01, the only agent with the label gpu, is busy',
    { labels: ['gpu', 'feature.step-timeouts'], ahead: undefined },
  ],
  [
    'the team runs 5 tasks at a time, which is its limit (CYBERUN_TEAM_TASKS_RUNNING); 2 tasks ahead',
    { teamLimit: 5, agents: { ...agents, busy: 0, team_runs: 5 } },
  ],
  ['retry 1 of 3 starts in 12 s, at 2026-01-31T08:00:11Z', { delay: 11.4 }],
  [
    'retry 1 of 3 starts in 12 s, at 2026-01-31T08:00:11Z, but no connected agent has the labels gpu',
    { delay: 11.4, agents: none },
  ],
])('a waiting task says "%s"', (sentence, change) => {
  expect(waitingReason({ ...task, ...change }, NOW)).toBe(sentence);
});
