export { runAgent, runLocalAgent } from './run-agent.js';
