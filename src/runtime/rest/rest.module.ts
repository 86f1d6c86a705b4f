import { Module } from '@nestjs/common';

import { FilesModule } from '../files/index.js';
import { TasksModule } from '../tasks/index.js';
import { WorkflowsModule } from '../workflows/index.js';
import { FilesController } from './files.controller.js';
import { RestBudgetsModule } from './rest-budgets.module.js';
import { TasksController } from './tasks.controller.js';
import { WorkflowsController } from './workflows.controller.js';

/** The REST API of workflows, files and tasks. */
@Module({
  imports: [RestBudgetsModule, FilesModule, TasksModule, WorkflowsModule],
  controllers: [FilesController, TasksController, WorkflowsController],
})
export class RestModule {}
