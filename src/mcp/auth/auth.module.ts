import { Module } from '@nestjs/common';

import { RateLimitsModule } from '../../http/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { OAuthModule } from '../oauth/index.js';
import { BearerGuard } from './bearer.guard.js';
import { KeyValidator } from './key-validator.js';

/** Which keys are let in, and what they may do. */
@Module({
  imports: [OAuthModule, RateLimitsModule, UpstreamModule],
  providers: [KeyValidator, BearerGuard],
  exports: [KeyValidator, BearerGuard, OAuthModule, RateLimitsModule],
})
export class AuthModule {}
