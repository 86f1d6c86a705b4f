export { LiveSessions } from './live-sessions.js';
export { SessionsEndpoint } from './sessions-endpoint.js';
export { SessionsModule } from './sessions.module.js';
