import { Module, type OnModuleInit } from '@nestjs/common';

import { AdminServer } from '../credentials/index.js';
import { Database } from '../database/index.js';
import { AppliedDefinitions } from './applied-definitions.js';
import { decodeWanted } from './wanted-message.js';

/** Serves the command `apply` while this process uses the data folder. */
@Module({})
export class ApplyModule implements OnModuleInit {
  constructor(
    private readonly admin: AdminServer,
    private readonly database: Database,
  ) {}

  onModuleInit(): void {
    const definitions = new AppliedDefinitions(this.database);
    this.admin.handle('POST', '/apply', (body) =>
      definitions.apply(decodeWanted(body as Parameters<typeof decodeWanted>[0])),
    );
  }
}
