export { NodesModule } from './nodes.module.js';
export { ALIVE_SINCE, RuntimeNode } from './runtime-node.js';
