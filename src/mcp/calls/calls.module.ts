import { Module } from '@nestjs/common';

import { UpstreamModule } from '../../upstream/index.js';
import { AuthModule } from '../auth/index.js';
import { InFlightRequests, LimitCounter } from './in-flight-requests.js';
import { WriteBacklog } from './write-backlog.js';

/** Requests in flight, their responses, and how many of them there may be. */
@Module({
  imports: [AuthModule, UpstreamModule],
  providers: [LimitCounter, WriteBacklog, InFlightRequests],
  exports: [LimitCounter, WriteBacklog, InFlightRequests],
})
export class CallsModule {}
