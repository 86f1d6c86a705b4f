export type { AgentOptions } from './agent-options.js';
export { AgentRefusedError } from './connection.js';
export { runAgent } from './run-agent.js';
export { type LocalAgentOrder, runLocalAgent } from './run-local-agent.js';
