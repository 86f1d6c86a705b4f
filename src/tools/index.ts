// What an agent can act on. One line switches on the folder beside it.
export { AgentsModule } from './agents/agents.module.js';
export { ContainerServicesModule } from './container-services/container-services.module.js';
export { TasksModule } from './tasks/tasks.module.js';
export { WorkflowsModule } from './workflows/workflows.module.js';
