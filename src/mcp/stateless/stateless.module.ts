import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { StorageModule } from '../storage/index.js';
import { ToolCallsModule } from '../tools/index.js';
import { FastPath } from './fast-path.js';
import { SdkHandler } from './sdk-handler.js';
import { StatelessCalls, StatelessEndpoint, StatelessResults } from './stateless-endpoint.js';

/** The revision without sessions, 2026-07-28. */
@Module({
  imports: [CallsModule, StorageModule, ToolCallsModule],
  providers: [FastPath, StatelessCalls, StatelessEndpoint, StatelessResults, SdkHandler],
  exports: [StatelessEndpoint, SdkHandler],
})
export class StatelessModule {}
