import { Module } from '@nestjs/common';

import { McpModule } from '../../mcp/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { RunsService } from './runs.service.js';
import { RunsTools } from './runs.tools.js';
import { TasksService } from './tasks.service.js';
import { TasksTools } from './tasks.tools.js';

@Module({
  imports: [McpModule, UpstreamModule],
  controllers: [TasksTools, RunsTools],
  providers: [TasksService, RunsService],
})
export class TasksModule {}
