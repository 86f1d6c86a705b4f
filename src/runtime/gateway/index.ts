export { AGENTS_CHANNEL, AgentDirectory } from './agent-directory.js';
export { AgentRegistry } from './agent-registry.js';
export type { ConnectedAgent } from './connected-agent.js';
export { GatewayModule } from './gateway.module.js';
export { LocalAgent } from './local-agent.js';
export { asksForWebSocket, refuseUpgrade, Upgrades } from './upgrades.js';
