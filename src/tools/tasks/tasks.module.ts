import { Module } from '@nestjs/common';

import { McpModule } from '../../mcp/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { RunTasks } from './run-tasks.js';
import { RunsService } from './runs.service.js';
import { RunsTools } from './runs.tools.js';
import { TasksPrompts } from './tasks.prompts.js';
import { TasksResources } from './tasks.resources.js';
import { TasksService } from './tasks.service.js';
import { TasksTools } from './tasks.tools.js';

@Module({
  imports: [McpModule, UpstreamModule],
  controllers: [TasksTools, RunsTools, TasksResources, TasksPrompts],
  providers: [TasksService, RunsService, RunTasks],
})
export class TasksModule {}
