import { HttpModule } from '@nestjs/axios';
import { Module } from '@nestjs/common';

import { CONFIG, type Config } from '../config/index.js';
import { MemoryBudget } from '../http/index.js';
import { FileTransfer } from './file-transfer.js';
import { Dispatchers, undiciAdapter } from './undici.adapter.js';
import { UpstreamClient } from './upstream.client.js';

/** Connections to the runtime, and memory for its responses. */
@Module({
  providers: [
    Dispatchers,
    {
      provide: MemoryBudget,
      inject: [CONFIG],
      useFactory: ({ limits }: Config) => new MemoryBudget(limits.answersBytes),
    },
  ],
  exports: [Dispatchers, MemoryBudget],
})
class ConnectionsModule {}

/** The client of the Runtime API. The client itself checks status and body, so axios neither parses nor validates. */
@Module({
  imports: [
    ConnectionsModule,
    HttpModule.registerAsync({
      imports: [ConnectionsModule],
      inject: [Dispatchers, MemoryBudget],
      useFactory: (dispatchers: Dispatchers, budget: MemoryBudget) => ({
        adapter: undiciAdapter(dispatchers, budget),
        transformRequest: [],
        transformResponse: [],
        validateStatus: null,
      }),
    }),
  ],
  providers: [UpstreamClient, FileTransfer],
  exports: [ConnectionsModule, UpstreamClient, FileTransfer],
})
export class UpstreamModule {}
