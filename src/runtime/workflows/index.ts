export { acceptedTypes, type CompiledWorkflow, fileParametersOf } from './compiled-workflow.js';
export { ParameterCheck } from './validation/index.js';
export { RUN_LIMIT_SECONDS } from './workflow-dsl.js';
export { WorkflowsModule } from './workflows.module.js';
export { type WorkflowName, WorkflowsService, type WorkflowVersion } from './workflows.service.js';
