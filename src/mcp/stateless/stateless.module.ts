import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { StorageModule } from '../storage/index.js';
import { ToolCallsModule } from '../tools/index.js';
import { HotRequests } from './hot-requests.js';
import { ModernCalls } from './modern-calls.js';
import { ModernEndpoint } from './modern-endpoint.js';
import { ModernResults } from './modern-results.js';
import { SdkExchanges } from './sdk-exchanges.js';
import { SdkModern } from './sdk-modern.js';

/** The revision without sessions, 2026-07-28. */
@Module({
  imports: [CallsModule, StorageModule, ToolCallsModule],
  providers: [HotRequests, ModernCalls, ModernEndpoint, ModernResults, SdkExchanges, SdkModern],
  exports: [ModernEndpoint, SdkModern],
})
export class StatelessModule {}
