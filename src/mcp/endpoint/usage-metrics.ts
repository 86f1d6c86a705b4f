import { Inject, Injectable, Optional } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { ENDPOINT, observe } from '../../telemetry/index.js';
import { InFlightRequests } from '../calls/index.js';
import { RedisConnection, SessionStore } from '../storage/index.js';

/** Gauges of open sessions, streams and calls, read when metrics are collected. */
@Injectable()
export class UsageMetrics {
  constructor(
    sessions: SessionStore,
    inFlight: InFlightRequests,
    @Inject(CONFIG) { limits }: Config,
    @Optional() redis?: RedisConnection,
  ) {
    observe(ENDPOINT.callsInProgress, (set) => set(inFlight.callCount));
    observe(ENDPOINT.streamsOpen, (set) => set(inFlight.streamCount));
    observe(ENDPOINT.requestsLimit, (set) => set(limits.requests));
    observe(ENDPOINT.sessionsOpen, (set) => {
      if (sessions.count !== undefined) set(sessions.count);
    });
    if (redis) observe(ENDPOINT.redisUp, (set) => set(redis.isUp ? 1 : 0));
  }
}
