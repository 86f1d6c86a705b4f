export {
  acceptedTypes,
  type CompiledWorkflow,
  fileParametersOf,
  type RetryPolicy,
  runRequirements,
} from './compiled-workflow.js';
export { compileWorkflow } from './workflow-compiler.js';
export { WorkflowStore } from './workflow-store.js';
export { ParameterCheck } from './validation/parameter-check.js';
export { RUN_LIMIT_SECONDS } from './workflow-dsl.js';
export { RuntimeWorkflowsModule } from './runtime-workflows.module.js';
export {
  checkConfirmed,
  checkRunnable,
  type WorkflowName,
  WorkflowCatalog,
  type WorkflowVersion,
} from './workflow-catalog.js';
