export { LegacyEndpoint } from './legacy-endpoint.js';
export { LiveSessions } from './live-sessions.js';
export { SessionsModule } from './sessions.module.js';
