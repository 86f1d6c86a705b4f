import { Global, Module } from '@nestjs/common';

import { FilesModule } from '../files/index.js';
import { RuntimeTasksModule } from '../tasks/index.js';
import { RuntimeWorkflowsModule } from '../workflows/index.js';
import { CredentialsController } from './credentials.controller.js';
import { FilesController } from './files.controller.js';
import { AnswerBudget } from './answer-budget.js';
import { JsonBodies } from './json-bodies.js';
import { TaskLogsController } from './task-logs.controller.js';
import { TasksController } from './tasks.controller.js';
import { UploadsController } from './uploads.controller.js';
import { WorkflowsController } from './workflows.controller.js';

/** The REST API of workflows, files, tasks and keys, and the memory budgets of every route of the runtime. */
@Global()
@Module({
  imports: [FilesModule, RuntimeTasksModule, RuntimeWorkflowsModule],
  controllers: [
    CredentialsController,
    FilesController,
    UploadsController,
    TaskLogsController,
    TasksController,
    WorkflowsController,
  ],
  providers: [AnswerBudget, JsonBodies],
  exports: [AnswerBudget, JsonBodies],
})
export class RestModule {}
