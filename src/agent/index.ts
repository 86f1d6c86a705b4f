export { runAgent } from './run-agent.js';
export { runLocalAgent } from './run-local-agent.js';
