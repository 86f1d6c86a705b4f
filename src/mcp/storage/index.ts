export { eventIdOf, type EventPosition, positionOf } from './event-ids.js';
export { type EventPage, type EventReader, EventStore } from './event-store.js';
export { ReplicaChannel } from './replica-channel.js';
export { ReplicatedEventBus } from './replicated-event-bus.js';
export { type SessionRecord, SessionStore, type StreamLease } from './session-store.js';
export { StorageModule } from './storage.module.js';
