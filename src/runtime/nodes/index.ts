export { reasonOf } from './connection-reason.js';
export { NodesModule } from './nodes.module.js';
export { FORWARDED_ORIGIN, forwardRequest, NodeUnreachable } from './forward-request.js';
export { ALIVE_SINCE, RuntimeNode } from './runtime-node.js';
