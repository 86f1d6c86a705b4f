import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { EventStore } from './event-store.js';
import { ReplicaChannel } from './replica-channel.js';
import { ReplicatedEventBus } from './replicated-event-bus.js';
import { SessionStore } from './session-store.js';
import { sessionStorage } from './storage-providers.js';

/** Sessions and events of streams, in memory or in Redis, and news between replicas. */
@Module({
  imports: [CallsModule],
  providers: sessionStorage,
  exports: [ReplicaChannel, ReplicatedEventBus, SessionStore, EventStore],
})
export class StorageModule {}
