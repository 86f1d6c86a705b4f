import { HttpModule } from '@nestjs/axios';
import { Module } from '@nestjs/common';

import { Dispatchers } from './dispatchers.js';
import { undiciAdapter } from './undici.adapter.js';
import { UpstreamClient } from './upstream.client.js';

/** The way to the Runtime API; axios itself neither parses nor judges an answer. */
@Module({
  imports: [
    HttpModule.registerAsync({
      extraProviders: [Dispatchers],
      inject: [Dispatchers],
      useFactory: (dispatchers: Dispatchers) => ({
        adapter: undiciAdapter((url) => dispatchers.towards(url)),
        transformRequest: [],
        transformResponse: [],
      }),
    }),
  ],
  providers: [UpstreamClient],
  exports: [UpstreamClient],
})
export class UpstreamModule {}
