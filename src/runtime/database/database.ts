import type { PGlite } from '@electric-sql/pglite';
import type { Pool } from 'pg';

import type { Config } from '../../config/index.js';
import type { Db } from './schema.js';

/** The settings that choose the database. */
export interface DatabaseSettings {
  readonly dataDir: string;
  readonly databaseUrl?: Config['databaseUrl'] | undefined;
}

/** What receives the notifications of a channel. */
export interface NotificationListener {
  /** A notification; some may be lost, rows are not. */
  readonly notified: (payload: string) => void;
  /** Notifications were lost while the connection was down: look at the rows. */
  readonly missed: () => void;
}

/** PostgreSQL: embedded in this process ({@link EmbeddedDatabase}), or a server ({@link DatabaseServer}). */
export abstract class Database {
  abstract readonly db: Db;
  /** For the queue, which brings its own SQL. */
  abstract readonly driver: { readonly pglite: PGlite } | { readonly pool: Pool };

  /** Calls back for every NOTIFY on a channel; returns a function that stops it. */
  abstract listen(channel: string, listener: NotificationListener): Promise<() => Promise<void>>;

  /** Runs `work` while no other process that uses the database runs work of the same name. */
  abstract exclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result>;

  /** As `exclusively`, but does nothing and returns `undefined` while another process runs work of the same name. */
  abstract tryExclusively<Result>(name: string, work: () => Promise<Result>): Promise<Result | undefined>;

  /** Whether the database answers a query now. */
  abstract isReachable(): Promise<boolean>;

  abstract close(): Promise<void>;
}

/** Text that PostgreSQL can store: without U+0000 and lone surrogates, which a process may print. */
export const storable = (text: string): string => text.replaceAll('\u0000', '\uFFFD').toWellFormed();
