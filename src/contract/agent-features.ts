/**
 * What an agent must know to do some work as it is defined: an older agent would ignore it or misunderstand it. Each agent
 * announces what it knows, and work is given only to agents that know all it needs. The values end a sentence about them.
 */
export const AGENT_FEATURES = {
  'feature.bundles': 'take the files beside a definition',
  'feature.service-replicas': 'run several replicas of a service',
  'feature.services': 'host services',
  'feature.step-timeouts': 'limit the time of a step',
} as const;

/** Of every agent that does not say otherwise: older ones do not announce it. */
export const HOSTS_SERVICES = 'feature.services' satisfies keyof typeof AGENT_FEATURES;

export type AgentFeature = keyof typeof AGENT_FEATURES;

export const isAgentFeature = (name: string): name is AgentFeature => Object.hasOwn(AGENT_FEATURES, name);
