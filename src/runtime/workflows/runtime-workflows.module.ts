import { Module } from '@nestjs/common';

import { BundlesModule } from '../bundles/index.js';
import { ParameterCheck } from './validation/parameter-check.js';
import { WorkflowCatalog } from './workflow-catalog.js';
import { WorkflowRegistry } from './workflow-registry.js';
import { WorkflowStore } from './workflow-store.js';

/** Workflows: their definitions and versions, and the validation of parameters. */
@Module({
  imports: [BundlesModule],
  providers: [WorkflowRegistry, WorkflowStore, WorkflowCatalog, ParameterCheck],
  exports: [WorkflowCatalog, ParameterCheck],
})
export class RuntimeWorkflowsModule {}
