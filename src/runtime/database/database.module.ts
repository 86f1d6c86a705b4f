import { Global, Module } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Database } from './database.js';
import { defaultTeamId } from './default-team.js';
import { PgliteDatabase } from './pglite-database.js';

/** Injects the id of the default team. */
export const TEAM_ID = Symbol('TEAM_ID');

/** The database of the runtime's parts. The runtime's module closes it, when everything on top has stopped. */
@Global()
@Module({
  providers: [
    {
      provide: Database,
      inject: [CONFIG],
      useFactory: ({ dataDir }: Config) => PgliteDatabase.open(dataDir),
    },
    { provide: TEAM_ID, inject: [Database], useFactory: ({ db }: Database) => defaultTeamId(db) },
  ],
  exports: [Database, TEAM_ID],
})
export class DatabaseModule {}
