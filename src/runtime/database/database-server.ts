import { Logger } from '@nestjs/common';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresDialect,
  PostgresDriver,
  type QueryResult,
  sql,
} from 'kysely';
import { Client, type ClientConfig, Pool, types } from 'pg';

import { StartError } from '../../config/index.js';
import { prepareDataDir } from './data-dir.js';
import { DataDirLock } from './data-dir-lock.js';
import { Database, type NotificationListener } from './database.js';
import { DatabaseUnavailable, withoutDatabase } from './database-unavailable.js';
import { exitWithoutLock } from './embedded-database.js';
import { migrate } from './migrate.js';
import { NotificationConnection } from './notification-connection.js';
import type { Db, Schema } from './schema.js';

// Counts and sizes are smaller than 2^53; the driver returns `bigint` as text otherwise.
types.setTypeParser(types.builtins.INT8, Number);

const OLDEST_SUPPORTED = 15;
const CONNECT_LIMIT_MS = 5000;
/** A server that is stopped (SIGSTOP) or behind a dead network accepts queries and never answers. */
const QUERY_LIMIT_MS = 30_000;
const PROBE_LIMIT_MS = 2000;

/** A PostgreSQL server, shared by any number of runtime nodes. */
export class DatabaseServer extends Database {
  readonly db: Db;
  readonly driver: { readonly pool: Pool };
  private readonly notifications: NotificationConnection;
  private lock: DataDirLock | undefined;

  private constructor(private readonly url: string) {
    super();
    const pool = newPool(url);
    this.driver = { pool };
    this.db = new Kysely<Schema>({ dialect: new ServerDialect({ pool }) });
    this.notifications = new NotificationConnection(() => newClient(url));
  }

  /**
   * Connects and brings the tables up to date; several nodes may start at once.
   *
   * @param dataDir a folder for this node alone (files, admin socket, local agent); `undefined` for a command.
   * @throws {StartError} when the server cannot be used, or another process uses the folder.
   */
  static async open(url: string, dataDir?: string): Promise<DatabaseServer> {
    const server = new DatabaseServer(url);
    try {
      if (dataDir !== undefined) await server.lockFolder(dataDir);
      await server.check();
      await migrate(server.db);
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  listen(channel: string, listener: NotificationListener): Promise<() => Promise<void>> {
    return this.notifications.listen(channel, listener);
  }

  exclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    return this.holding(async (holder) => {
      await withoutDatabase(holder.query('select pg_advisory_lock(hashtext($1))', [name]));
      return work();
    });
  }

  tryExclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result | undefined> {
    return this.holding(async (holder) => {
      const asked = holder.query<{ held: boolean }>('select pg_try_advisory_lock(hashtext($1)) as held', [
        name,
      ]);
      const { rows } = await withoutDatabase(asked);
      return rows[0]?.held ? work() : undefined;
    });
  }

  /**
   * With a connection of its own, without a time limit: a wait that was given up on a connection of the pool could still
   * get the lock, and would keep it. The end of the connection releases the lock.
   */
  private async holding<Result>(work: (holder: Client) => Promise<Result>): Promise<Result> {
    const holder = newClient(this.url);
    holder.on('error', () => undefined);
    try {
      await withoutDatabase(holder.connect());
      return await work(holder);
    } finally {
      await holder.end().catch(() => undefined);
    }
  }

  async isReachable(): Promise<boolean> {
    const limit = AbortSignal.timeout(PROBE_LIMIT_MS);
    const late = new Promise<boolean>((resolve) => {
      limit.addEventListener('abort', () => resolve(false), { once: true });
    });
    const asked = sql`select 1`.execute(this.db).then(
      () => true,
      () => false,
    );
    return Promise.race([asked, late]);
  }

  async close(): Promise<void> {
    await this.notifications.close();
    await this.driver.pool.end();
    await this.lock?.release();
    this.lock = undefined;
  }

  private async lockFolder(dataDir: string): Promise<void> {
    const folder = await prepareDataDir(dataDir);
    this.lock = await DataDirLock.acquire(folder);
    this.lock.watch(() => exitWithoutLock(folder));
  }

  /** Connects once, so that a wrong URL stops the start with a sentence. */
  private async check(): Promise<void> {
    const version = await sql<{ server_version_num: string }>`show server_version_num`
      .execute(this.db)
      .catch((error: unknown) => {
        throw unusable(this.url, error);
      });
    const major = Math.floor(Number(version.rows[0]?.server_version_num) / 10_000);
    if (major >= OLDEST_SUPPORTED) return;
    throw new StartError(
      `CYBERUN_DATABASE_URL leads to PostgreSQL ${major}; version ${OLDEST_SUPPORTED} or newer is needed. Upgrade it, or name another server.`,
    );
  }
}

/** Without the password, and without the error's own text, which may repeat parts of the URL. */
function unusable(url: string, error: unknown): StartError {
  const { hostname, port, pathname } = new URL(url);
  const cause = error instanceof DatabaseUnavailable ? error.cause : error;
  const { code, message } = cause as Error & { code?: string };
  const reason = REASONS[code ?? ''] ?? message;
  return new StartError(
    `CYBERUN_DATABASE_URL leads to ${hostname}:${port === '' ? 5432 : port}${pathname}, but ${reason}. Check the server, the user and the database. Example: postgresql://cyberun:secret@postgres.example.com:5432/cyberun`,
    { cause: error },
  );
}

/** By code of PostgreSQL or of Node, as a part of a sentence. */
const REASONS: Record<string, string> = {
  '28P01': 'the server refuses its password',
  '28000': 'the server refuses its user',
  '3D000': 'there is no such database',
  '42501': 'its user may not create tables there',
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  ETIMEDOUT: 'the host does not answer',
};

function newPool(url: string): Pool {
  const pool = new Pool({
    ...connectionOf(url),
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    query_timeout: QUERY_LIMIT_MS,
    max: 20,
  });
  // Without a listener the loss of a connection would end the process; its query fails by itself.
  pool.on('error', (error) => new Logger('Database').warn(`a connection was lost: ${error.message}`));
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

const newClient = (url: string): Client =>
  new Client({ ...connectionOf(url), connectionTimeoutMillis: CONNECT_LIMIT_MS });

const connectionOf = (connectionString: string): ClientConfig => ({
  connectionString,
  application_name: 'cyberun-mcp',
  keepAlive: true,
});

/** Reports the loss of the server as {@link DatabaseUnavailable}, wherever a query fails. */
class ServerDriver extends PostgresDriver {
  private readonly known = new WeakSet<DatabaseConnection>();

  override async acquireConnection(
    ...args: Parameters<PostgresDriver['acquireConnection']>
  ): Promise<DatabaseConnection> {
    const connection = await withoutDatabase(super.acquireConnection(...args));
    if (this.known.has(connection)) return connection;
    this.known.add(connection);
    const execute: DatabaseConnection['executeQuery'] = connection.executeQuery.bind(connection);
    connection.executeQuery = <Row>(query: CompiledQuery): Promise<QueryResult<Row>> =>
      withoutDatabase(execute<Row>(query));
    return connection;
  }
}

class ServerDialect extends PostgresDialect {
  constructor(private readonly options: { readonly pool: Pool }) {
    super(options);
  }

  override createDriver(): Driver {
    return new ServerDriver(this.options);
  }
}
