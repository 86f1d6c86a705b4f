import type { Provider } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Bounds } from '../calls/index.js';
import { MemorySessions } from './memory-sessions.js';
import { MemoryStreamLogs } from './memory-stream-logs.js';
import { RedisConnection } from './redis-connection.js';
import { RedisReplicas } from './redis-replicas.js';
import { RedisSessions } from './redis-sessions.js';
import { RedisStreamLogs } from './redis-stream-logs.js';
import { Replicas, SingleReplica } from './replicas.js';
import { ReplicatedEvents } from './replicated-events.js';
import { Sessions } from './sessions.js';
import { StreamLogs } from './stream-logs.js';

/** Where sessions are kept and who else serves them: Redis and whoever uses it, or this process alone. */
export const sessionStorage: Provider[] = [
  {
    provide: RedisConnection,
    inject: [CONFIG],
    useFactory: ({ redisUrl }: Config) =>
      redisUrl === undefined ? undefined : new RedisConnection(redisUrl),
  },
  {
    provide: Replicas,
    inject: [RedisConnection],
    useFactory: (redis: RedisConnection | undefined) =>
      redis ? new RedisReplicas(redis) : new SingleReplica(),
  },
  {
    provide: Sessions,
    inject: [CONFIG, Bounds, Replicas, RedisConnection],
    useFactory: (config: Config, bounds: Bounds, replicas: Replicas, redis: RedisConnection | undefined) =>
      redis && replicas instanceof RedisReplicas
        ? new RedisSessions(redis, replicas, config)
        : new MemorySessions(config, bounds),
  },
  {
    provide: StreamLogs,
    inject: [Replicas, RedisConnection],
    useFactory: (replicas: Replicas, redis: RedisConnection | undefined) =>
      redis && replicas instanceof RedisReplicas
        ? new RedisStreamLogs(redis, replicas)
        : new MemoryStreamLogs(),
  },
  ReplicatedEvents,
];
