import { Module } from '@nestjs/common';

import { McpModule } from '../../mcp/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { TaskLogsService } from './task-logs.service.js';
import { TaskLogsTools } from './task-logs.tools.js';

@Module({
  imports: [McpModule, UpstreamModule],
  controllers: [TaskLogsTools],
  providers: [TaskLogsService],
})
export class TaskLogsModule {}
