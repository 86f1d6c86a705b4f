export type { ClaimedRun, StoredOutput } from './claimed-runs.js';
export { type TaskEventRow, TaskEventsService } from './task-events.service.js';
export { HELD_STATES, type TaskRow } from './task-transitions.js';
export { RunReports } from './run-reports.js';
export { TaskClaims } from './task-claims.js';
export { WaitingTasks } from './waiting-tasks.js';
export { TaskSubmission } from './task-submission.js';
export { RuntimeTasksModule } from './runtime-tasks.module.js';
export { TaskStore } from './task-store.js';
