export {
  asksForKey,
  type Connection,
  type JsonSetting,
  type Machine,
  type McpClient,
  type TomlTable,
} from './mcp-client.js';
export { MCP_CLIENTS } from './mcp-clients.js';
export { type ClientSnippet, clientSnippets, fileSnippet, installationOf } from './snippets.js';
