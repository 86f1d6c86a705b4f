export { type Advertised, advertised } from './json-schema.js';
export { answerIn, canAsk, canonicalJson, question } from './confirmation.js';
export { nearest } from './nearest.js';
export { SdkServers } from './sdk-servers.js';
export { ToolCallsModule } from './tool-calls.module.js';
export {
  fastContext,
  type McpServer,
  RequestContext,
  type SessionInfo,
  ToolContext,
} from './tool-context.js';
export { type CatalogTool, ToolCatalog } from './tool-catalog.js';
export { fromJsonText, ToolInput, unreadInputOf } from './tool-input.js';
export {
  type DeclaredMethod,
  declaredMethod,
  declaredTool,
  dynamicTool,
  isStreamed,
  listedToolOf,
  type MethodExtras,
  type ProcessingHooks,
  type RegisteredTool,
  Streaming,
} from './registered-tool.js';
export { ToolRegistry, type Viewer } from './tool-registry.js';
export { isPlainName } from './result-text.js';
export { AnswersWithTask, createdTask, TaskProvider, TaskProviders } from './task-providers.js';
export { failed, isMasked, ToolErrorMapper } from './tool-error-mapper.js';
export {
  encodeResult,
  recordThrown,
  ToolResultInterceptor,
  toToolResult,
  withExtras,
} from './tool-result.js';
export { type CallOrigin, ToolRunner } from './tool-runner.js';
export { type ShownTool, TOOL_RULES } from './tool-rules.js';
export { type KeyTool, type ToolSource, ToolSources } from './tool-sources.js';
export { Toolset, Toolsets } from './toolsets.js';
