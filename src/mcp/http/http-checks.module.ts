import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { AllowedNames } from './allowed-names.js';
import { BodyReader } from './body-reader.js';
import { EdgeMiddleware } from './edge.middleware.js';
import { RefusalFilter } from './refusal.filter.js';

/** Checks of Host, Origin and body, and JSON-RPC errors as HTTP responses. */
@Module({
  imports: [CallsModule],
  providers: [AllowedNames, BodyReader, EdgeMiddleware, RefusalFilter],
  exports: [AllowedNames, BodyReader, EdgeMiddleware, RefusalFilter],
})
export class HttpChecksModule {}
