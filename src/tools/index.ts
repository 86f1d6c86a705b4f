// The tool domains. Each line enables the folder of that name.
export { AgentsModule } from './agents/agents.module.js';
export { ContainerServicesModule } from './container-services/container-services.module.js';
export { TaskFilesModule } from './task-files/task-files.module.js';
export { TaskLogsModule } from './task-logs/task-logs.module.js';
export { TasksModule } from './tasks/tasks.module.js';
export { WorkflowsModule } from './workflows/workflows.module.js';
