import { Global, Module } from '@nestjs/common';

import { AuditModule } from '../../audit/index.js';
import { RateLimitsModule } from '../../http/index.js';
import { Database, TEAM_ID } from '../database/index.js';
import { AdminServer } from './admin-server.js';
import { BootstrapKey } from './bootstrap-key.js';
import { BrowserSessions } from './browser-sessions.js';
import { CredentialsService } from './credentials.service.js';
import { CredentialsStore } from './credentials.store.js';
import { IntegrationKeyGuard } from './integration-key.guard.js';
import { OpenCalls } from './open-calls.js';
import { RefusedKeys } from './refused-keys.js';
import { RuntimeRates } from './runtime-rates.js';
import { StoredKeys } from './stored-keys.js';

/** Keys: their check for every entry point of the runtime, and their administration. */
@Global()
@Module({
  imports: [AuditModule, RateLimitsModule],
  providers: [
    {
      provide: CredentialsStore,
      inject: [Database, TEAM_ID],
      useFactory: ({ db }: Database, teamId: string) => new CredentialsStore(db, teamId),
    },
    { provide: StoredKeys, inject: [Database], useFactory: ({ db }: Database) => new StoredKeys(db) },
    BrowserSessions,
    CredentialsService,
    RefusedKeys,
    RuntimeRates,
    IntegrationKeyGuard,
    OpenCalls,
    BootstrapKey,
    AdminServer,
  ],
  exports: [AdminServer, BrowserSessions, CredentialsService, IntegrationKeyGuard, OpenCalls, BootstrapKey],
})
export class CredentialsModule {}
