import { Module } from '@nestjs/common';

import { McpModule } from '../../mcp/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { PinnedWorkflows } from './pinned-workflows.js';
import { WorkflowsResources } from './workflows.resources.js';
import { WorkflowsService } from './workflows.service.js';
import { WorkflowsTools } from './workflows.tools.js';

@Module({
  imports: [McpModule, UpstreamModule],
  controllers: [WorkflowsTools, WorkflowsResources],
  providers: [WorkflowsService, PinnedWorkflows],
})
export class WorkflowsModule {}
