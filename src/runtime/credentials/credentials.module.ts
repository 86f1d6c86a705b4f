import { Global, Module } from '@nestjs/common';

import { BootstrapKey } from './bootstrap-key.js';
import { OpenCalls } from './open-calls.js';
import { CredentialsService } from './credentials.service.js';
import { IntegrationKeyGuard } from './integration-key.guard.js';

/** Keys, for every part of the runtime that is called from outside. */
@Global()
@Module({
  providers: [CredentialsService, IntegrationKeyGuard, OpenCalls, BootstrapKey],
  exports: [CredentialsService, IntegrationKeyGuard, OpenCalls, BootstrapKey],
})
export class CredentialsModule {}
