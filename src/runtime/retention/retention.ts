import { setTimeout as delay } from 'node:timers/promises';

import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Database, logFailure } from '../database/index.js';
import {
  analyzeTasks,
  oldestOfNewest,
  removeEndedKeys,
  removeOldTasks,
  removeTasksBefore,
  removeUnusedVersions,
} from './expired-rows.js';

const HOUR_MS = 3_600_000;
/** The start is not slowed down, and nodes that start together do not begin together. */
const FIRST_MS = 60_000;
const SPREAD_MS = 60_000;

/** Removes what has been kept long enough, every hour: by one node at a time, in batches, with pauses in between. */
@Injectable()
export class Retention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Retention');
  private readonly closing = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(FIRST_MS + Math.random() * SPREAD_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    this.closing.abort();
    await this.sweeping;
  }

  /** Removes everything that is due. */
  async sweep(): Promise<void> {
    const { db } = this.database;
    const { tasksEndedDays, tasksEndedCount, workflowsVersionDays, keysEndedDays } = this.config;
    await this.remove('tasks', 'tasks', () => removeOldTasks(db, tasksEndedDays));
    for (const { id: teamId } of await db.selectFrom('team').select('id').execute()) {
      const kept = await oldestOfNewest(db, teamId, tasksEndedCount);
      if (kept !== undefined) await this.remove('tasks', 'tasks', () => removeTasksBefore(db, teamId, kept));
    }
    // No node stores a version meanwhile, which could need one of the bundles.
    await this.remove('workflow versions', 'definitions', () =>
      removeUnusedVersions(db, workflowsVersionDays),
    );
    await this.remove('keys', 'keys', () => removeEndedKeys(db, keysEndedDays));
    if ('pglite' in this.database.driver) await analyzeTasks(db);
  }

  /** Removes batch after batch; other work gets at least half of the time of the database. */
  private async remove(what: string, lock: string, batch: () => Promise<number>): Promise<void> {
    let total = 0;
    for (;;) {
      if (this.closing.signal.aborted) return;
      const begun = performance.now();
      const removed = await this.database.exclusively(lock, batch);
      if (removed === 0) break;
      total += removed;
      await delay(performance.now() - begun, undefined, { signal: this.closing.signal }).catch(
        () => undefined,
      );
    }
    if (total > 0)
      this.logger.log(`${total} ${what} were removed: they have been kept as long as configured`);
  }

  private schedule(ms: number): void {
    this.timer = setTimeout(() => {
      this.sweeping = this.sweep()
        .catch((error: unknown) => logFailure(this.logger, 'what has ended could not be removed', error))
        .finally(() => {
          if (!this.closing.signal.aborted) this.schedule(HOUR_MS);
        });
    }, ms).unref();
  }
}
