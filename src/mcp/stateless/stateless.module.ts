import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { ResourcesModule } from '../resources/index.js';
import { StorageModule } from '../storage/index.js';
import { ToolCallsModule } from '../tools/index.js';
import { FastPath } from './fast-path.js';
import { SdkHandler } from './sdk-handler.js';
import { StatelessCalls, StatelessRunner } from './stateless-calls.js';
import { StatelessEndpoint } from './stateless-endpoint.js';
import { StatelessResults } from './stateless-results.js';
import { TaskRequests } from './task-requests.js';
import { TaskSubscriptions } from './task-subscriptions.js';

/** The revision without sessions, 2026-07-28. */
@Module({
  imports: [CallsModule, ResourcesModule, StorageModule, ToolCallsModule],
  providers: [
    FastPath,
    StatelessCalls,
    StatelessEndpoint,
    StatelessResults,
    StatelessRunner,
    SdkHandler,
    TaskRequests,
    TaskSubscriptions,
  ],
  exports: [StatelessEndpoint, SdkHandler],
})
export class StatelessModule {}
