import { join } from 'node:path';

import { Logger } from '@nestjs/common';
import { Kysely } from 'kysely';

import { prepareDataDir } from './data-dir.js';
import { DataDirLock } from './data-dir-lock.js';
import { Database, type EmbeddedPostgres } from './database.js';
import { openDatabaseFolder } from './database-folder.js';
import { migrate } from './migrate.js';
import { SeparatingPGliteDialect } from './pglite-dialect.js';
import type { Db, Schema } from './schema.js';

/** PostgreSQL in this process, on the data folder, which nobody else may use meanwhile. */
export class PgliteDatabase extends Database {
  readonly isExclusive = true;
  readonly db: Db;

  private constructor(
    readonly postgres: EmbeddedPostgres,
    private readonly lock: DataDirLock,
  ) {
    super();
    this.db = new Kysely<Schema>({ dialect: new SeparatingPGliteDialect(postgres.pglite) });
  }

  /** @throws {StartError} when another process has the folder, or it cannot be used. */
  static async open(dataDir: string): Promise<PgliteDatabase> {
    const folder = await prepareDataDir(dataDir);
    const lock = await DataDirLock.acquire(folder);
    lock.watch(() => abandon(folder));
    try {
      const pglite = await openDatabaseFolder(folder);
      const database = new PgliteDatabase({ backend: 'pglite', pglite }, lock);
      await migrate(database.db, join(folder, 'database')).catch(async (error: unknown) => {
        await pglite.close();
        throw error;
      });
      return database;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  listen(channel: string, listener: (payload: string) => void): Promise<() => Promise<void>> {
    return this.postgres.pglite.listen(channel, listener);
  }

  async close(): Promise<void> {
    if (!this.postgres.pglite.closed) await this.postgres.pglite.close();
    await this.lock.release();
  }
}

/** Going on would mean two writers on one folder. */
function abandon(folder: string): void {
  new Logger('Database').fatal(`The lock of the data folder ${folder} was deleted: stopping at once.`);
  process.exit(1);
}
