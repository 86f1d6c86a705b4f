import { Module } from '@nestjs/common';

import { UpstreamModule } from '../../upstream/index.js';
import { WorkflowsService } from './workflows.service.js';
import { WorkflowsTools } from './workflows.tools.js';

@Module({ imports: [UpstreamModule], controllers: [WorkflowsTools], providers: [WorkflowsService] })
export class WorkflowsModule {}
