import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { StorageModule } from '../storage/index.js';
import { ToolCallsModule } from '../tools/index.js';
import { FastPath } from './fast-path.js';
import { SdkHandler } from './sdk-handler.js';
import { SdkRequests } from './sdk-requests.js';
import { StatelessCalls } from './stateless-calls.js';
import { StatelessEndpoint } from './stateless-endpoint.js';
import { StatelessResults } from './stateless-results.js';

/** The revision without sessions, 2026-07-28. */
@Module({
  imports: [CallsModule, StorageModule, ToolCallsModule],
  providers: [FastPath, StatelessCalls, StatelessEndpoint, StatelessResults, SdkRequests, SdkHandler],
  exports: [StatelessEndpoint, SdkHandler],
})
export class StatelessModule {}
