export type { ClaimedRun, ClaimingAgent, EligibleAgent, StoredOutput } from './claimed-run.js';
export { TaskRuns } from './task-runs.js';
