import { Injectable, type OnModuleInit, Optional } from '@nestjs/common';

import { RATE_TOLERANCE_MS, RATE_WINDOW_MS, RateLimits, type SharedCounts } from '../../http/index.js';
import { RedisConnection } from './redis-connection.js';

const PREFIX = 'cyberun:mcp:';

/** Counts requests in Redis, over all replicas, where there is one. */
@Injectable()
export class RedisRates implements SharedCounts, OnModuleInit {
  constructor(
    private readonly rates: RateLimits,
    @Optional() private readonly redis?: RedisConnection,
  ) {}

  onModuleInit(): void {
    if (this.redis) this.rates.share(this);
  }

  async take(name: string, costMs: number): Promise<number> {
    if (!this.redis?.isUp) throw new Error('Redis does not answer');
    return await this.redis.run((redis) =>
      redis.takeRate(`${PREFIX}${name}`, costMs, RATE_WINDOW_MS, RATE_TOLERANCE_MS),
    );
  }
}
