import { Module } from '@nestjs/common';

import { UpstreamModule } from '../../upstream/index.js';
import { AuthModule } from '../auth/index.js';
import { Bounds } from './bounds.js';
import { Outbox } from './outbox.js';
import { Traffic } from './traffic.js';

/** Requests in flight, their responses, and how many of them there may be. */
@Module({
  imports: [AuthModule, UpstreamModule],
  providers: [Bounds, Outbox, Traffic],
  exports: [Bounds, Outbox, Traffic],
})
export class CallsModule {}
