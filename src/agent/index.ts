export { JobProfiles } from './kubernetes/job-profiles.js';
export { runAgent, runKubernetesAgent, runLocalAgent } from './run-agent.js';
export { runOnce } from './run-once.js';
