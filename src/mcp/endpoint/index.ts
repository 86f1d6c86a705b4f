export { isBrowserRequest } from './browser-requests.js';
export { connectMcp, drainMcp, type McpMount } from './connect-mcp.js';
export { CyberunStrategy } from './cyberun.strategy.js';
export { McpModule } from './mcp.module.js';
