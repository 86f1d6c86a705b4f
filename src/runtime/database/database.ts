import type { PGlite } from '@electric-sql/pglite';

import type { Db } from './schema.js';

/** What the queue stands on; another member joins when the runtime speaks to a PostgreSQL server. */
export interface EmbeddedPostgres {
  readonly backend: 'pglite';
  readonly pglite: PGlite;
}

/** The runtime's PostgreSQL, wherever it runs. The class is the injection token. */
export abstract class Database {
  abstract readonly db: Db;
  abstract readonly postgres: EmbeddedPostgres;
  /** Whether no other process can work on the same tables while this one does. */
  abstract readonly isExclusive: boolean;

  /** Calls back for every NOTIFY on a channel; returns the way to stop. A wake-up only: rows are the truth. */
  abstract listen(channel: string, listener: (payload: string) => void): Promise<() => Promise<void>>;

  /** Closes it for good. */
  abstract close(): Promise<void>;
}
