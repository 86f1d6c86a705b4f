import { expect, it } from 'vitest';

import type { ConnectedAgent } from './connected-agent.js';
import { FreeSlots } from './free-slots.js';

const TEAM = 'a team';
const need = (...labels: string[]) => ({ teamId: TEAM, labels });

/** An agent with so many slots, of which some are busy. */
const agent = (
  agentId: string,
  slots: number,
  busy = 0,
  { labels = ['local'], teamId = TEAM } = {},
): ConnectedAgent =>
  ({ agentId, teamId, labels, free: slots - busy, runs: { size: busy } }) as unknown as ConnectedAgent;

const slotsOf = (...agents: ConnectedAgent[]): FreeSlots => new FreeSlots({ connected: () => agents });
const idsIn = ({ agents }: { readonly agents: readonly ConnectedAgent[] }): string[] =>
  agents.map(({ agentId }) => agentId);

it('slots are those of the agents with the smallest share of busy ones', () => {
  const slots = slotsOf(agent('half', 4, 2), agent('idle', 2), agent('full', 1, 1));
  expect(idsIn(slots.reserve(need('local'), [], 20))).toEqual(['idle', 'half', 'idle', 'half']);
});

it('among agents with the same share the one that has waited longest comes first', () => {
  const slots = slotsOf(agent('a', 1), agent('b', 1), agent('c', 1));
  const turns: string[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    using reserved = slots.reserve(need('local'), [], 1);
    turns.push(...idsIn(reserved));
  }
  expect(turns).toEqual(['a', 'b', 'c', 'a']);
});

it('a slot is reserved once, until it is released', () => {
  const slots = slotsOf(agent('a', 2));
  {
    using first = slots.reserve(need('local'), [], 20);
    expect(idsIn(first)).toEqual(['a', 'a']);
    expect(idsIn(slots.reserve(need('local'), [], 20))).toEqual([]);
  }
  expect(idsIn(slots.reserve(need('local'), [], 1))).toEqual(['a']);
});

it('only agents of the team that have all labels have slots for a queue', () => {
  const slots = slotsOf(
    agent('other', 1, 0, { labels: ['local', 'gpu'], teamId: 'another team' }),
    agent('plain', 1),
  );
  expect(idsIn(slots.reserve(need('local', 'gpu'), [], 20))).toEqual([]);
  expect(idsIn(slots.reserve(need(), [], 20))).toEqual(['plain']);
});

it('queues that the same agents can serve share the slots, and others do not count', () => {
  const slots = slotsOf(agent('a', 4, 0, { labels: ['local', 'gpu'] }));
  const others = [need('gpu'), need('elsewhere'), { teamId: 'another team', labels: ['local'] }];
  expect(slots.reserve(need('local'), others, 20).agents).toHaveLength(2);
});
