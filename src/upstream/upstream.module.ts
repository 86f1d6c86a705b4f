import { HttpService } from '@nestjs/axios';
import { Module } from '@nestjs/common';

import { Dispatchers } from './dispatchers.js';
import { httpServiceOver } from './http-service.js';
import { undiciAdapter } from './undici.adapter.js';
import { UpstreamClient } from './upstream.client.js';

/** The way to the Runtime API; axios itself neither parses nor judges an answer. */
@Module({
  providers: [
    Dispatchers,
    {
      provide: HttpService,
      inject: [Dispatchers],
      useFactory: (dispatchers: Dispatchers): HttpService => httpServiceOver(undiciAdapter(dispatchers)),
    },
    UpstreamClient,
  ],
  exports: [UpstreamClient],
})
export class UpstreamModule {}
