export {
  eventIdOf,
  type EventPage,
  type EventPosition,
  type EventReader,
  EventStore,
  positionOf,
} from './event-store.js';
export { RedisConnection } from './redis-connection.js';
export { ReplicaChannel, ReplicatedEventBus } from './replica-channel.js';
export { type SessionRecord, SessionStore, type StreamLease } from './session-store.js';
export { StorageModule } from './storage.module.js';
