export { seenEngines } from './containers/container-engine.js';
export { JobProfiles } from './kubernetes/job-profiles.js';
export { RUN_PARTS } from './kubernetes/run-parts.js';
export { Confinement } from './processes/confinement.js';
export { runAgent, runKubernetesAgent, runLocalAgent } from './run-agent.js';
export { runOnce, type RunPart } from './run-once.js';
