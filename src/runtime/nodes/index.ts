export { NodesModule } from './nodes.module.js';
export { DEAD_AFTER_SECONDS, RuntimeNode } from './runtime-node.js';
