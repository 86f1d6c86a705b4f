import { Global, Module } from '@nestjs/common';

import { AdminServer } from './admin-server.js';
import { BootstrapKey } from './bootstrap-key.js';
import { OpenCalls } from './open-calls.js';
import { CredentialsService } from './credentials.service.js';
import { IntegrationKeyGuard } from './integration-key.guard.js';

/** Keys: their check for every entry point of the runtime, and their administration. */
@Global()
@Module({
  providers: [CredentialsService, IntegrationKeyGuard, OpenCalls, BootstrapKey, AdminServer],
  exports: [CredentialsService, IntegrationKeyGuard, OpenCalls, BootstrapKey],
})
export class CredentialsModule {}
