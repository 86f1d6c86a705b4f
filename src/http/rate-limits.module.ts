import { Module } from '@nestjs/common';

import { RateLimits } from './rate-limits.js';

/** One count of requests for the MCP endpoint and the REST API of a process. */
@Module({ providers: [RateLimits], exports: [RateLimits] })
export class RateLimitsModule {}
