export { parseServiceDefinition, type ServiceDefinition } from './service-definition.js';
export { ServiceStore } from './service-store.js';
export { ContainersModule } from './containers.module.js';
