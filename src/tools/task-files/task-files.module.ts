import { Module } from '@nestjs/common';

import { McpModule } from '../../mcp/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { TaskFilesService } from './task-files.service.js';
import { TaskFilesTools } from './task-files.tools.js';

@Module({
  imports: [McpModule, UpstreamModule],
  controllers: [TaskFilesTools],
  providers: [TaskFilesService],
})
export class TaskFilesModule {}
