import { Module } from '@nestjs/common';

import { FilesModule } from '../files/index.js';
import { WorkflowsModule } from '../workflows/index.js';
import { ConnectedAgents } from './connected-agents.js';
import { HeldRuns } from './held-runs.js';
import { RunOutcomes } from './run-outcomes.js';
import { RunParameters } from './run-parameters.js';
import { RunReports } from './run-reports.js';
import { TaskClaims } from './task-claims.js';
import { TaskEventsService } from './task-events.service.js';
import { TaskNotices } from './task-notices.js';
import { TaskResultsService } from './task-results.service.js';
import { TaskRuns } from './task-runs.js';
import { TaskSubmission } from './task-submission.js';
import { TasksService } from './tasks.service.js';
import { WaitingTasks } from './waiting-tasks.js';

/** The life of tasks, for those who submit and watch them and for the dispatcher that runs them. */
@Module({
  imports: [FilesModule, WorkflowsModule],
  providers: [
    ConnectedAgents,
    HeldRuns,
    RunOutcomes,
    RunParameters,
    RunReports,
    TaskClaims,
    TaskEventsService,
    TaskNotices,
    TaskResultsService,
    TaskRuns,
    TaskSubmission,
    TasksService,
    WaitingTasks,
  ],
  exports: [TaskEventsService, TaskResultsService, TaskRuns, TaskSubmission, TasksService],
})
export class TasksModule {}
