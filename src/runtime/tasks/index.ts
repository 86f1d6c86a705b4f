export type { ClaimedRun, ClaimingAgent, EligibleAgent, StoredOutput } from './claimed-run.js';
export { type TaskEventRow, TaskEventsService } from './task-events.service.js';
export { TaskRuns } from './task-runs.js';
export { type RunSubmission, TaskSubmission } from './task-submission.js';
export { TasksModule } from './tasks.module.js';
export { type TaskFilter, TasksService } from './tasks.service.js';
