export { Draining, Readiness } from './health.controller.js';
export { HealthThread } from './health-thread.js';
export { HealthModule } from './health.module.js';
