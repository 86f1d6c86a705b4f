import { Module } from '@nestjs/common';

import { FilesModule } from '../files/index.js';
import { LogsModule } from '../logs/index.js';
import { RuntimeWorkflowsModule } from '../workflows/index.js';
import { ClaimedRuns } from './claimed-runs.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { QueueStanding } from './queue-standing.js';
import { RunReports } from './run-reports.js';
import { StatusReasons } from './status-reasons.js';
import { TaskClaims } from './task-claims.js';
import { TaskEventsService } from './task-events.service.js';
import { TaskLists } from './task-lists.js';
import { TaskLogs } from './task-logs.js';
import { TaskMetrics } from './task-metrics.js';
import { TaskNotifications } from './task-notifications.js';
import { TaskReconciliation } from './task-reconciliation.js';
import { TaskStore } from './task-store.js';
import { RunParameters, TaskSubmission } from './task-submission.js';
import { TeamLimits } from './team-limits.js';
import { WaitingTasks } from './waiting-tasks.js';

/** Tasks: submission, events and results, and their runs for the dispatcher. */
@Module({
  imports: [FilesModule, LogsModule, RuntimeWorkflowsModule],
  providers: [
    ClaimedRuns,
    IdempotencyKeys,
    QueueStanding,
    RunParameters,
    RunReports,
    StatusReasons,
    TaskClaims,
    TaskEventsService,
    TaskLists,
    TaskLogs,
    TaskMetrics,
    TaskNotifications,
    TaskReconciliation,
    TaskSubmission,
    TaskStore,
    TeamLimits,
    WaitingTasks,
  ],
  exports: [
    RunReports,
    TaskClaims,
    TaskEventsService,
    TaskLists,
    TaskLogs,
    TaskMetrics,
    TaskSubmission,
    TaskStore,
    WaitingTasks,
  ],
})
export class RuntimeTasksModule {}
