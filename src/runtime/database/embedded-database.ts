import { join } from 'node:path';

import type { PGlite } from '@electric-sql/pglite';
import { Logger } from '@nestjs/common';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PGliteDialect,
  PGliteDriver,
  type QueryResult,
} from 'kysely';

import { prepareDataDir } from './data-dir.js';
import { DataDirLock } from './data-dir-lock.js';
import { Database, type NotificationListener } from './database.js';
import { openDatabaseFolder } from './database-folder.js';
import { migrate } from './migrate.js';
import { PreparedStatements } from './prepared-statements.js';
import type { Db, Schema } from './schema.js';

/** PostgreSQL (PGlite) in this process, on the data folder, which is locked for this process. */
export class EmbeddedDatabase extends Database {
  readonly db: Db;
  readonly driver: { readonly pglite: PGlite };

  private constructor(
    private readonly pglite: PGlite,
    statements: PreparedStatements,
    private readonly lock: DataDirLock,
  ) {
    super();
    this.driver = { pglite };
    this.db = new Kysely<Schema>({ dialect: new ConcurrentPGliteDialect(pglite, statements) });
  }

  /** @throws {StartError} when another process uses the folder, or it cannot be used. */
  static async open(dataDir: string): Promise<EmbeddedDatabase> {
    const folder = await prepareDataDir(dataDir);
    const lock = await DataDirLock.acquire(folder);
    lock.watch(() => exitWithoutLock(folder));
    try {
      const pglite = await openDatabaseFolder(folder);
      const statements = new PreparedStatements(pglite, await import('@electric-sql/pglite'));
      const database = new EmbeddedDatabase(pglite, statements, lock);
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

  listen(channel: string, { notified }: NotificationListener): Promise<() => Promise<void>> {
    return this.pglite.listen(channel, notified);
  }

  /** The lock of the folder excludes every other process already. */
  exclusively<Result>(_name: string, work: () => Promise<Result>): Promise<Result> {
    return work();
  }

  tryExclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    return this.exclusively(name, work);
  }

  isReachable(): Promise<boolean> {
    return Promise.resolve(!this.pglite.closed);
  }

  async close(): Promise<void> {
    if (!this.pglite.closed) await this.pglite.close();
    await this.lock.release();
  }
}

/** Without the lock a second process could write to the same folder. */
export function exitWithoutLock(folder: string): void {
  new Logger('Database').fatal(`The lock of the data folder ${folder} was deleted: stopping at once.`);
  process.exit(1);
}

type Connection = Parameters<PGliteDriver['beginTransaction']>[0];

/**
 * Kysely's driver shares one connection object, so that concurrent queries would join the transaction of another caller.
 * This driver returns a connection object per use; PGlite itself runs only one transaction at a time.
 */
class ConcurrentPGliteDriver extends PGliteDriver {
  private readonly inTransaction = new WeakSet<DatabaseConnection>();

  constructor(
    private readonly pglite: PGlite,
    private readonly statements: PreparedStatements,
  ) {
    super({ pglite });
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const single = new PGliteDriver({ pglite: this.pglite });
    await single.init();
    const connection = await single.acquireConnection();
    const execute: DatabaseConnection['executeQuery'] = connection.executeQuery.bind(connection);
    connection.executeQuery = <Row>(query: CompiledQuery): Promise<QueryResult<Row>> =>
      this.statements.takes(query.sql) ? this.prepared<Row>(connection, query) : execute<Row>(query);
    return connection;
  }

  override async beginTransaction(connection: Connection): Promise<void> {
    await super.beginTransaction(connection);
    this.inTransaction.add(connection);
  }

  override async commitTransaction(connection: Connection): Promise<void> {
    this.inTransaction.delete(connection);
    await super.commitTransaction(connection);
  }

  override async rollbackTransaction(connection: Connection): Promise<void> {
    this.inTransaction.delete(connection);
    await super.rollbackTransaction(connection);
  }

  private prepared<Row>(connection: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<Row>> {
    const { pglite } = this;
    const run = (): Promise<QueryResult<Row>> =>
      pglite.runExclusive(() => this.statements.execute<Row>(query));
    // The lock is that of PGlite's own transactions: this transaction has it, and a single query waits for it.
    return this.inTransaction.has(connection) ? run() : pglite._runExclusiveTransaction(run);
  }
}

/** PGlite for Kysely, safe for concurrent use. Inside a transaction use only the transaction: other queries wait for it. */
class ConcurrentPGliteDialect extends PGliteDialect {
  constructor(
    private readonly pglite: PGlite,
    private readonly statements: PreparedStatements,
  ) {
    super({ pglite });
  }

  override createDriver(): Driver {
    return new ConcurrentPGliteDriver(this.pglite, this.statements);
  }
}
