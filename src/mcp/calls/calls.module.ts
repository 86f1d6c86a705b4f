import { Module } from '@nestjs/common';

import { AuditModule } from '../../audit/index.js';
import { CONFIG, type Config } from '../../config/index.js';
import { MemoryBudget, WriteBacklog } from '../../http/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { AuthModule } from '../auth/index.js';
import { InFlightRequests } from './in-flight-requests.js';
import { LimitCounter } from './limit-counter.js';
import { Operations } from './operations.js';

/** Requests in flight, their responses, and how many of them there may be. */
@Module({
  imports: [AuditModule, AuthModule, UpstreamModule],
  providers: [
    LimitCounter,
    InFlightRequests,
    Operations,
    {
      provide: WriteBacklog,
      inject: [MemoryBudget, CONFIG],
      useFactory: (budget: MemoryBudget, { limits }: Config) => new WriteBacklog(budget, limits),
    },
  ],
  exports: [LimitCounter, WriteBacklog, InFlightRequests, Operations],
})
export class CallsModule {}
