// The interface for extensions, `cyberun-mcp/extension`. What it exports changes only with a changeset, and
// docs/extension-api.md is printed from it. Anything else of the package may change at any time.
export { Ctx } from '@nestjs/microservices';
export { McpController, Prompt, Resource, ResourceTemplate, Tool } from '@rekog/mcp-nest';

export {
  type Advertised,
  advertised,
  Streaming,
  ToolContext,
  ToolError,
  ToolInput,
  Toolset,
} from '../mcp/index.js';
export { outputOf, READS } from '../tools/tool-definition.js';
export type { Caller } from '../upstream/index.js';
