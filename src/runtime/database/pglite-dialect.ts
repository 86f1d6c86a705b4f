import type { PGlite } from '@electric-sql/pglite';
import { type DatabaseConnection, type Driver, PGliteDialect, PGliteDriver } from 'kysely';

/**
 * Kysely's driver shares one connection object, whose transaction the queries of everybody else would silently
 * join. This one hands out a connection object per use; PGlite itself lets only one transaction run at a time.
 */
class SeparatingDriver extends PGliteDriver {
  constructor(private readonly pglite: PGlite) {
    super({ pglite });
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const single = new PGliteDriver({ pglite: this.pglite });
    await single.init();
    return single.acquireConnection();
  }
}

/** PGlite for Kysely, safe for concurrent use. Inside a transaction query by it alone: others wait for its end. */
export class SeparatingPGliteDialect extends PGliteDialect {
  constructor(private readonly pglite: PGlite) {
    super({ pglite });
  }

  override createDriver(): Driver {
    return new SeparatingDriver(this.pglite);
  }
}
