export { eventIdOf, type EventPlace, placeOf } from './event-ids.js';
export { Replicas } from './replicas.js';
export { ReplicatedEvents } from './replicated-events.js';
export { type SessionRecord, Sessions, type StreamClaim } from './sessions.js';
export { StorageModule } from './storage.module.js';
export { type Page, type Reading, StreamLogs } from './stream-logs.js';
