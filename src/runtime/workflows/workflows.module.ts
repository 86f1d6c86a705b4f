import { Module } from '@nestjs/common';

import { BundlesModule } from '../bundles/index.js';
import { ParameterCheck } from './validation/index.js';
import { WorkflowRegistry } from './workflow-registry.js';
import { WorkflowStore } from './workflow-store.js';
import { WorkflowsService } from './workflows.service.js';

/** What can be run. */
@Module({
  imports: [BundlesModule],
  providers: [WorkflowRegistry, WorkflowStore, WorkflowsService, ParameterCheck],
  exports: [WorkflowsService, ParameterCheck],
})
export class WorkflowsModule {}
