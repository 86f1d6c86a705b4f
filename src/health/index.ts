export { Draining, Readiness } from './health.controller.js';
export { HealthModule } from './health.module.js';
