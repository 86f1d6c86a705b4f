import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server } from 'node:http';

import { LINK_SECONDS } from './link-signer.js';

/** Gives an upload as long as its link is good for; Node would end every request after five minutes. */
@Injectable()
export class UploadPatience implements OnApplicationBootstrap {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  onApplicationBootstrap(): void {
    const server = this.host.httpAdapter.getHttpServer() as Server;
    server.requestTimeout = LINK_SECONDS * 1000;
  }
}
