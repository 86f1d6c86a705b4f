export type { ResourceLink } from '@modelcontextprotocol/server';

export { RateCost, RequiresPermission } from './auth/index.js';
export { connectMcp, drainMcp, isBrowserRequest, McpModule, type McpMount } from './endpoint/index.js';
export {
  type DetailedTask,
  InvalidInput,
  REVISIONS,
  SERVER_INFO,
  type ServerInfo,
  serverInfo,
  ToolError,
} from './protocol/index.js';
export {
  type Candidates,
  Completion,
  type CompletionPayload,
  ResourceList,
  type ResourcePage,
  type ResourcePageQuery,
} from './resources/index.js';
export {
  type Advertised,
  advertised,
  answerIn,
  canAsk,
  canonicalJson,
  AnswersWithTask,
  type CatalogTool,
  createdTask,
  fromJsonText,
  isPlainName,
  type KeyTool,
  listedToolOf,
  nearest,
  question,
  RequestContext,
  type ShownTool,
  Streaming,
  TaskProvider,
  ToolCatalog,
  TOOL_RULES,
  ToolContext,
  ToolInput,
  Toolset,
  type ToolSource,
  ToolSources,
  withExtras,
} from './tools/index.js';
