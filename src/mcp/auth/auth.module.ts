import { Module } from '@nestjs/common';

import { UpstreamModule } from '../../upstream/index.js';
import { BearerGuard } from './bearer.guard.js';
import { KeyVerdicts } from './key-verdicts.js';

/** Which keys are let in, and what they may do. */
@Module({
  imports: [UpstreamModule],
  providers: [KeyVerdicts, BearerGuard],
  exports: [KeyVerdicts, BearerGuard],
})
export class AuthModule {}
