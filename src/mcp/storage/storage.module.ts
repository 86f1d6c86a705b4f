import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { Replicas } from './replicas.js';
import { ReplicatedEvents } from './replicated-events.js';
import { sessionStorage } from './session-storage.js';
import { Sessions } from './sessions.js';
import { StreamLogs } from './stream-logs.js';

/** Sessions and events of streams, in memory or in Redis, and news between replicas. */
@Module({
  imports: [CallsModule],
  providers: sessionStorage,
  exports: [Replicas, ReplicatedEvents, Sessions, StreamLogs],
})
export class StorageModule {}
