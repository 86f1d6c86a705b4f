import type { WorkRequirement } from './engine.js';

/** What a label may look like: letters that are safe in a queue's name. */
export const LABEL = /^[A-Za-z0-9._-]{1,63}$/;

/** One queue per team and distinct set of labels; the name says both, so that every node can read it. */
export const queueName = ({ teamId, labels }: WorkRequirement): string =>
  [teamId, ...[...new Set(labels)].sort()].join('/');

/** What the jobs of a queue require. */
export function requirementOf(name: string): WorkRequirement {
  const [teamId = '', ...labels] = name.split('/');
  return { teamId, labels };
}

/** Whether an agent has every label that is required, in the same team. */
export const isEligible = (agent: WorkRequirement, required: WorkRequirement): boolean =>
  agent.teamId === required.teamId && required.labels.every((label) => agent.labels.includes(label));
