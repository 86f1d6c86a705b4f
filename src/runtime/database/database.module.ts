import { Global, Module } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Database } from './database.js';
import { openDatabase } from './open-database.js';
import type { Db } from './schema.js';
import { uuidV7 } from './uuid-v7.js';

/** Injects the id of the default team. */
export const TEAM_ID = Symbol('TEAM_ID');

/** The database. RuntimeModule closes it after everything that uses it has stopped. */
@Global()
@Module({
  providers: [
    {
      provide: Database,
      inject: [CONFIG],
      useFactory: (config: Config) => openDatabase(config),
    },
    { provide: TEAM_ID, inject: [Database], useFactory: ({ db }: Database) => defaultTeamId(db) },
  ],
  exports: [Database, TEAM_ID],
})
export class DatabaseModule {}

/** Name of the team that every runtime has. */
export const DEFAULT_TEAM = 'default';

/** Id of the default team, which is created when it is missing. */
export async function defaultTeamId(db: Db): Promise<string> {
  await db
    .insertInto('team')
    .values({ id: uuidV7(), team_slug: DEFAULT_TEAM })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { id } = await db
    .selectFrom('team')
    .select('id')
    .where('team_slug', '=', DEFAULT_TEAM)
    .executeTakeFirstOrThrow();
  return id;
}
