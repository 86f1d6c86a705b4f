import { noAgentFor, withLabels } from './agent-requirements.js';
import { AHEAD_COUNTED, type EligibleAgents } from './queue-standing.js';

/** What a task in the queue waits for. */
export interface WaitingTask {
  /** And features. */
  readonly labels: readonly string[];
  readonly agents: EligibleAgents;
  /** Tasks of its queue that come first; `undefined` where they were not counted. */
  readonly ahead: number | undefined;
  /** How many tasks of the team may run at the same time. */
  readonly teamLimit: number | undefined;
  /** How long a run waits for an agent that has lost its connection. */
  readonly leaseSeconds: number;
  /** Seconds before it may start, because a run of it has failed. */
  readonly delay: number | undefined;
  readonly retry: { readonly number: number; readonly of: number };
}

/** One sentence about why a task waits now. */
export function waitingReason(task: WaitingTask, now: Date): string {
  const { delay, retry, agents } = task;
  if (delay === undefined) return reasonInQueue(task);
  const at = new Date(now.getTime() + delay * 1000).toISOString().replace(/\.\d+/, '');
  const starts = `retry ${retry.number} of ${retry.of} starts in ${Math.ceil(delay)} s, at ${at}`;
  return agents.count === 0 ? `${starts}, but ${reasonInQueue(task)}` : starts;
}

function reasonInQueue(task: WaitingTask): string {
  const { agents, teamLimit, ahead } = task;
  if (agents.count === 0) return reasonWithoutAgent(task);
  if (teamLimit !== undefined && agents.team_runs >= teamLimit) {
    const place = placeOf(ahead);
    return `the team runs ${teamLimit} tasks at a time, which is its limit (CYBERUN_TEAM_TASKS_RUNNING)${place && `; ${place}`}`;
  }
  const { slots, busy } = agents;
  if (slots === 0) return `${namesOf(task)} ${agents.count === 1 ? 'has' : 'have'} no slots for tasks`;
  if (busy < slots) return ahead ? `${placeOf(ahead)}; ${slotsOf(task)}` : 'it starts in a moment';
  const place = placeOf(ahead);
  return `${place && `${place}; `}${slotsOf(task)}`;
}

function reasonWithoutAgent({ labels, agents, leaseSeconds }: WaitingTask): string {
  const { draining, away_id, has_labels } = agents;
  if (away_id !== null)
    return `${noAgentFor(labels, has_labels)}; agent ${away_id}, which ${has_labels ? 'can' : 'has'}, lost its connection and is waited for, for at most ${leaseSeconds} s`;
  if (draining === 0) return noAgentFor(labels, has_labels);
  const which =
    draining === 1 ? `the only agent${withLabels(labels)}` : `all ${draining} agents${withLabels(labels)}`;
  return `${which} ${draining === 1 ? 'is' : 'are'} about to end and ${draining === 1 ? 'takes' : 'take'} no new tasks (draining)`;
}

function placeOf(ahead: number | undefined): string {
  if (ahead === undefined) return '';
  if (ahead === 0) return 'next in its queue';
  if (ahead > AHEAD_COUNTED) return `more than ${AHEAD_COUNTED} tasks ahead`;
  return ahead === 1 ? '1 task ahead' : `${ahead} tasks ahead`;
}

function slotsOf(task: WaitingTask): string {
  const { slots, busy } = task.agents;
  const isFree = busy < slots;
  const state = isFree ? 'free' : 'busy';
  if (slots === 1) return `the slot of ${namesOf(task)} is ${state}`;
  return `${isFree ? slots - busy : 'all'} ${isFree ? `of ${slots}` : slots} slots of ${namesOf(task)} are ${state}`;
}

function namesOf({ labels, agents: { count, agent_id } }: WaitingTask): string {
  if (count > 1) return `the ${count} agents${withLabels(labels)}`;
  return `${agent_id}, the only agent${withLabels(labels)},`;
}
