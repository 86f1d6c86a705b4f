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
import { type Client, type Pool, types } from 'pg';

import { errorText, StartError } from '../../config/index.js';
import { prepareDataDir } from './data-dir.js';
import { DataDirLock } from './data-dir-lock.js';
import { Database, type NotificationListener } from './database.js';
import { closedTables, type DatabaseFacts, missingRights, readDatabaseFacts } from './database-facts.js';
import { DatabaseUnavailable, withoutDatabase } from './database-unavailable.js';
import { exitWithoutLock } from './embedded-database.js';
import { migrate } from './migrate.js';
import { NotificationConnection } from './notification-connection.js';
import type { Db, Schema } from './schema.js';
import { CONNECTION_LIMITS, ServerConnections, TIMED_OUT } from './server-connections.js';
import { deliversNotifications } from './session-probe.js';

// Counts and sizes are smaller than 2^53; the driver returns `bigint` as text otherwise.
types.setTypeParser(types.builtins.INT8, Number);

/** For a look at a server that may hang. */
const INSPECTION_LIMITS = { connect: 3000, query: 4000, notifications: 3000, close: 300 };

/** What a PostgreSQL server says about itself and about the user of the URL. */
export interface ServerFacts {
  /** Host, port and database. */
  readonly place: string;
  /** `undefined` where the user may not read the tables. */
  readonly facts: DatabaseFacts | undefined;
  /** What the user may not do and the runtime needs. */
  readonly lacks: readonly string[];
}

const OLDEST_SUPPORTED = 15;
const PROBE_LIMIT_MS = 2000;

/** A PostgreSQL server, shared by any number of runtime nodes. */
export class DatabaseServer extends Database {
  readonly db: Db;
  readonly driver: { readonly pool: Pool };
  private readonly connections: ServerConnections;
  private readonly notifications: NotificationConnection;
  private lock: DataDirLock | undefined;

  private constructor(
    private readonly url: string,
    limits: typeof CONNECTION_LIMITS,
  ) {
    super();
    this.connections = new ServerConnections(url, limits);
    this.driver = this.connections;
    this.db = kyselyOn(this.connections.pool);
    this.notifications = new NotificationConnection(() => this.connections.newNotificationClient());
  }

  /**
   * Connects and brings the tables up to date; several nodes may start at once.
   *
   * @param dataDir a folder for this node alone (files, admin socket, local agent); `undefined` for a command.
   * @throws {StartError} when the server cannot be used, or another process uses the folder.
   */
  static async open(url: string, dataDir?: string, limits = CONNECTION_LIMITS): Promise<DatabaseServer> {
    const server = new DatabaseServer(url, limits);
    try {
      if (dataDir !== undefined) await server.lockFolder(dataDir);
      await server.check();
      // A change of a large table takes long, and so does the wait for another node that makes it.
      await server.connections.withPatience((pool) => migrate(kyselyOn(pool)));
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /**
   * Looks at a server and changes nothing; every wait is short.
   *
   * @throws {StartError} when it cannot be used.
   */
  static async inspect(url: string): Promise<ServerFacts> {
    const server = new DatabaseServer(url, INSPECTION_LIMITS);
    try {
      await server.check();
      const place = placeOf(url);
      const unreadable = await closedTables(server.db, false);
      if (unreadable.length > 0) return { place, facts: undefined, lacks: unreadable };
      const facts = await readDatabaseFacts(server.db);
      return { place, facts, lacks: await missingRights(server.db, facts.migrations) };
    } catch (error) {
      throw error instanceof StartError ? error : unusable(url, error);
    } finally {
      await server.close();
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
    const holder = this.connections.newClient();
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
    await this.connections.close(this.notifications.close());
    await this.lock?.release();
    this.lock = undefined;
  }

  private async lockFolder(dataDir: string): Promise<void> {
    const folder = await prepareDataDir(dataDir);
    this.lock = await DataDirLock.acquire(folder);
    this.lock.watch(() => exitWithoutLock(folder));
  }

  /** Uses the server once, so that a wrong URL stops the start with a sentence. Nothing is written before. */
  private async check(): Promise<void> {
    try {
      await this.checkVersion();
      if (await deliversNotifications(this.connections)) return;
    } catch (error) {
      throw error instanceof StartError ? error : unusable(this.url, error);
    }
    throw new StartError(
      `CYBERUN_DATABASE_URL leads to ${placeOf(this.url)}, but notifications of PostgreSQL (LISTEN) do not arrive from there. A connection pooler that shares sessions, such as pgbouncer with pool_mode = transaction, loses them, and locks too. Name the PostgreSQL server itself, or a pooler with pool_mode = session.`,
    );
  }

  private async checkVersion(): Promise<void> {
    const version = await sql<{ server_version_num: string }>`show server_version_num`.execute(this.db);
    const major = Math.floor(Number(version.rows[0]?.server_version_num) / 10_000);
    if (major >= OLDEST_SUPPORTED) return;
    throw new StartError(
      `CYBERUN_DATABASE_URL leads to PostgreSQL ${major}; version ${OLDEST_SUPPORTED} or newer is needed. Upgrade it, or name another server.`,
    );
  }
}

/** Host, port and database of a URL. */
function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port === '' ? 5432 : port}${pathname}`;
}

/** Without the password, and without the error's own text, which may repeat parts of the URL. */
function unusable(url: string, error: unknown): StartError {
  const cause = error instanceof DatabaseUnavailable ? error.cause : error;
  const { code, message } = cause as Error & { code?: string };
  const reason = REASONS[code ?? message] ?? errorText(cause);
  return new StartError(
    `CYBERUN_DATABASE_URL leads to ${placeOf(url)}, but ${reason}. Check the server, the user and the database. Example: postgresql://cyberun:secret@postgres.example.com:5432/cyberun`,
    { cause: error },
  );
}

/** By code of PostgreSQL or of Node, or message of the driver, as a part of a sentence. */
const REASONS: Record<string, string> = {
  '28P01': 'the server refuses its password',
  '28000': 'the server refuses its user',
  '3D000': 'there is no such database',
  '42501': 'its user may not create tables there',
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  ETIMEDOUT: 'the host does not answer',
  'timeout expired': 'the server does not answer',
  'timeout exceeded when trying to connect': 'the server does not answer',
  'Connection terminated due to connection timeout': 'the server does not answer',
  [TIMED_OUT]: 'a query got no answer in time (a connection pooler without a free connection lets it wait)',
};

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

const kyselyOn = (pool: Pool): Db => new Kysely<Schema>({ dialect: new ServerDialect({ pool }) });

class ServerDialect extends PostgresDialect {
  constructor(private readonly options: { readonly pool: Pool }) {
    super(options);
  }

  override createDriver(): Driver {
    return new ServerDriver(this.options);
  }
}
