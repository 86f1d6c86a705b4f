export type { ResourceLink } from '@modelcontextprotocol/server';

export { RequiresPermission } from './auth/permission.guard.js';
export { connectMcp, drainMcp } from './connect-mcp.js';
export { InvalidInput, ToolError } from './errors/tool-error.js';
export { withLinks } from './errors/tool-result.js';
export { type Advertised, advertised } from './input/advertised.js';
export { nearest } from './input/nearest.js';
export { fromJsonText } from './input/read-arguments.js';
export { ToolInput } from './input/tool-input.decorator.js';
export { McpModule } from './mcp.module.js';
export { SERVER_INFO, type ServerInfo, serverInfo } from './server-info.js';
export { Streaming } from './tools/streaming.decorator.js';
export { ToolContext } from './tools/tool-context.js';
