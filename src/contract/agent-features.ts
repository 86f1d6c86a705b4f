/**
 * What an agent must know to do some work as it is defined: an older agent would ignore it or misunderstand it. Each agent
 * announces what it knows, and work is given only to agents that know all it needs. The values end a sentence about them.
 */
export const AGENT_FEATURES = {
  'feature.bundles': 'take the files beside a definition',
  'feature.service-replicas': 'run several replicas of a service',
  'feature.container-services': 'host services that are containers',
  'feature.services': 'host services that are processes, mount volumes or have files beside their definition',
  'feature.step-timeouts': 'limit the time of a step',
} as const;

/** Of agents that host containers of services, also where they host no other service. */
export const HOSTS_CONTAINERS = 'feature.container-services' satisfies keyof typeof AGENT_FEATURES;

/** Of every agent that does not say otherwise: older ones do not announce it. */
export const HOSTS_SERVICES = 'feature.services' satisfies keyof typeof AGENT_FEATURES;

export type AgentFeature = keyof typeof AGENT_FEATURES;

export const isAgentFeature = (name: string): name is AgentFeature => Object.hasOwn(AGENT_FEATURES, name);
