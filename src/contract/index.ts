export * from './agent-link.js';
export * from './agents.js';
export * from './common.js';
export * from './container-services.js';
export * from './files.js';
export * from './run-order.js';
export * from './tasks.js';
export * from './workflows.js';
