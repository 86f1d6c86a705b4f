import { HttpService } from '@nestjs/axios';
import { Module } from '@nestjs/common';

import { AnswerRoom } from './answer-room.js';
import { Dispatchers } from './dispatchers.js';
import { httpServiceOver } from './http-service.js';
import { undiciAdapter } from './undici.adapter.js';
import { UpstreamClient } from './upstream.client.js';

/** The way to the Runtime API; axios itself neither parses nor judges an answer. */
@Module({
  providers: [
    Dispatchers,
    AnswerRoom,
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
