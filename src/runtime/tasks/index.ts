export type { ClaimedRun, StoredOutput } from './claimed-run.js';
export { type TaskEventRow, TaskEventsService } from './task-events.service.js';
export { TaskResultsService } from './task-results.service.js';
export { TaskRuns } from './task-runs.js';
export { TaskSubmission } from './task-submission.js';
export { TasksModule } from './tasks.module.js';
export { TasksService } from './tasks.service.js';
