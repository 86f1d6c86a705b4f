import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { BodyReader } from './body-reader.js';
import { HttpChecksMiddleware } from './http-checks.middleware.js';
import { JsonRpcErrorFilter } from './json-rpc-error.filter.js';

/** Checks of Host, Origin and body, and JSON-RPC errors as HTTP responses. */
@Module({
  imports: [CallsModule],
  providers: [BodyReader, HttpChecksMiddleware, JsonRpcErrorFilter],
  exports: [BodyReader, HttpChecksMiddleware, JsonRpcErrorFilter],
})
export class HttpChecksModule {}
