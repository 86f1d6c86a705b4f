import { Module } from '@nestjs/common';

import { McpModule } from '../../mcp/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { TaskFollower } from './task-follower.js';
import { TasksService } from './tasks.service.js';
import { TasksTools } from './tasks.tools.js';

@Module({
  imports: [McpModule, UpstreamModule],
  controllers: [TasksTools],
  providers: [TasksService, TaskFollower],
})
export class TasksModule {}
