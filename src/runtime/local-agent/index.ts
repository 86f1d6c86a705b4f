export { LocalAgent } from './local-agent.js';
export { LocalAgentModule } from './local-agent.module.js';
