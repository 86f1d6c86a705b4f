import { Module } from '@nestjs/common';

import { WorkflowRegistry } from './workflow-registry.js';
import { WorkflowsService } from './workflows.service.js';

/** What can be run. */
@Module({ providers: [WorkflowRegistry, WorkflowsService], exports: [WorkflowsService] })
export class WorkflowsModule {}
