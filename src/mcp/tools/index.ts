export { type Advertised, advertised } from './advertised.js';
export { nearest } from './nearest.js';
export { fromJsonText } from './read-arguments.js';
export { SdkServers } from './sdk-servers.js';
export { Streaming } from './streaming.decorator.js';
export { type CallOrigin, ToolRunner } from './tool-runner.js';
export { ToolCallsModule } from './tool-calls.module.js';
export { fastContext, type McpServer, ToolContext } from './tool-context.js';
export { ToolInput } from './tool-input.decorator.js';
export {
  declaredTool,
  dynamicTool,
  type Invoke,
  type RegisteredTool,
  ToolRegistry,
} from './tool-registry.js';
export { recordThrown, ToolResultInterceptor } from './tool-result.interceptor.js';
export { failed, withLinks } from './tool-result.js';
export { userOf } from './tool-runner.js';
