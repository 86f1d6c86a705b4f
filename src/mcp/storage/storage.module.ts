import { Module } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { RateLimitsModule } from '../../http/index.js';
import { CallsModule, LimitCounter } from '../calls/index.js';
import { EventStore } from './event-store.js';
import { MemoryEventStore } from './memory-event-store.js';
import { MemorySessionStore } from './memory-session-store.js';
import { RedisConnection } from './redis-connection.js';
import { RedisRates } from './redis-rates.js';
import { RedisEventStore } from './redis-event-store.js';
import { RedisReplicaChannel } from './redis-replica-channel.js';
import { RedisSessionStore } from './redis-session-store.js';
import { LocalReplicaChannel, ReplicaChannel, ReplicatedEventBus } from './replica-channel.js';
import { SessionStore } from './session-store.js';

/** Sessions and events of streams, in Redis if it is configured, else in memory, and news between replicas. */
@Module({
  imports: [CallsModule, RateLimitsModule],
  providers: [
    {
      provide: RedisConnection,
      inject: [CONFIG],
      useFactory: ({ redisUrl }: Config) =>
        redisUrl === undefined ? undefined : RedisConnection.to(redisUrl),
    },
    {
      provide: ReplicaChannel,
      inject: [RedisConnection],
      useFactory: (redis: RedisConnection | undefined) =>
        redis ? new RedisReplicaChannel(redis) : new LocalReplicaChannel(),
    },
    {
      provide: SessionStore,
      inject: [CONFIG, LimitCounter, ReplicaChannel, RedisConnection],
      useFactory: (
        config: Config,
        limitCounter: LimitCounter,
        replicas: ReplicaChannel,
        redis: RedisConnection | undefined,
      ) =>
        redis && replicas instanceof RedisReplicaChannel
          ? new RedisSessionStore(redis, replicas, config)
          : new MemorySessionStore(config, limitCounter),
    },
    {
      provide: EventStore,
      inject: [ReplicaChannel, RedisConnection],
      useFactory: (replicas: ReplicaChannel, redis: RedisConnection | undefined) =>
        redis && replicas instanceof RedisReplicaChannel
          ? new RedisEventStore(redis, replicas)
          : new MemoryEventStore(),
    },
    ReplicatedEventBus,
    RedisRates,
  ],
  exports: [RedisConnection, ReplicaChannel, ReplicatedEventBus, SessionStore, EventStore],
})
export class StorageModule {}
