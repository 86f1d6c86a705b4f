import { HttpService } from '@nestjs/axios';
import { Module } from '@nestjs/common';

import { CONFIG, type Config } from '../config/index.js';
import { AnswerRoom } from '../http/index.js';
import { Dispatchers } from './dispatchers.js';
import { httpServiceOver } from './http-service.js';
import { undiciAdapter } from './undici.adapter.js';
import { UpstreamClient } from './upstream.client.js';

/** The way to the Runtime API; axios itself neither parses nor judges an answer. */
@Module({
  providers: [
    Dispatchers,
    {
      provide: AnswerRoom,
      inject: [CONFIG],
      useFactory: ({ limits }: Config) => new AnswerRoom(limits.answersBytes),
    },
    {
      provide: HttpService,
      inject: [Dispatchers, AnswerRoom],
      useFactory: (dispatchers: Dispatchers, room: AnswerRoom): HttpService =>
        httpServiceOver(undiciAdapter(dispatchers, room)),
    },
    UpstreamClient,
  ],
  exports: [AnswerRoom, UpstreamClient],
})
export class UpstreamModule {}
