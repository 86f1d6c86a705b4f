import { Module } from '@nestjs/common';

import { McpModule } from '../../mcp/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { TasksService } from './tasks.service.js';
import { TasksTools } from './tasks.tools.js';

@Module({
  imports: [McpModule, UpstreamModule],
  controllers: [TasksTools],
  providers: [TasksService],
})
export class TasksModule {}
