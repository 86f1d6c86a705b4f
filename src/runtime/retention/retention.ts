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
import { ANSWER_SECONDS, ObjectStore, StoredFiles, UPLOAD_SECONDS } from '../files/index.js';
import { removeOldLogs, removeTeamLogs } from '../logs/index.js';
import {
  analyzeTasks,
  oldestOfNewest,
  removeEndedKeys,
  removeExpiredIdempotencyKeys,
  removeOldTasks,
  removeTasksBefore,
  removeUnusedVersions,
} from './expired-rows.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The start is not slowed down, and nodes that start together do not begin together. */
const FIRST_MS = 60_000;
const SPREAD_MS = 60_000;

/**
 * Removes rows and files that have been kept long enough, every hour: by one node at a time, in batches, with pauses in
 * between.
 */
@Injectable()
export class Retention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Retention');
  private readonly closing = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly store: ObjectStore,
    private readonly stored: StoredFiles,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(FIRST_MS + Math.random() * SPREAD_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    this.closing.abort();
    await this.sweeping;
  }

  /** Removes everything that is due; what fails is tried again an hour later, and does not affect the rest. */
  async sweep(): Promise<void> {
    const steps = [
      () => this.removeTasks(),
      () => this.removeLogs(),
      () => this.removeRows(),
      () => this.removeFiles(),
      async () => ('pglite' in this.database.driver ? analyzeTasks(this.database.db) : undefined),
    ];
    for (const step of steps) {
      if (this.closing.signal.aborted) return;
      await step().catch((error: unknown) => {
        if (!this.closing.signal.aborted)
          logFailure(this.logger, 'what has been kept long enough could not be removed', error);
      });
    }
  }

  private async removeTasks(): Promise<void> {
    const { db } = this.database;
    const { tasksEndedDays, tasksEndedCount } = this.config;
    await this.remove('tasks', 'tasks', () => removeOldTasks(db, tasksEndedDays));
    for (const { id: teamId } of await db.selectFrom('team').select('id').execute()) {
      const kept = await oldestOfNewest(db, teamId, tasksEndedCount);
      if (kept !== undefined) await this.remove('tasks', 'tasks', () => removeTasksBefore(db, teamId, kept));
    }
  }

  private async removeLogs(): Promise<void> {
    const { db } = this.database;
    const { tasksLogDays, teamLogBytes } = this.config;
    await this.remove('logs', 'logs', () => removeOldLogs(db, tasksLogDays));
    for (const { id: teamId } of await db.selectFrom('team').select('id').execute())
      await this.remove('logs', 'logs', () => removeTeamLogs(db, teamId, teamLogBytes));
  }

  private async removeRows(): Promise<void> {
    const { db } = this.database;
    const { workflowsVersionDays, keysEndedDays } = this.config;
    // No node stores a version meanwhile, which could need one of the bundles.
    await this.remove('workflow versions', 'definitions', () =>
      removeUnusedVersions(db, workflowsVersionDays),
    );
    await this.remove('keys', 'keys', () => removeEndedKeys(db, keysEndedDays));
    await this.remove('idempotency keys', 'idempotency keys', () => removeExpiredIdempotencyKeys(db));
  }

  /** Nodes that share a store do not list it at the same time. */
  private async removeFiles(): Promise<void> {
    const { filesInputDays, filesOutputDays } = this.config;
    const before = (days: number): Date => new Date(Date.now() - days * DAY_MS);
    const remove = async (): Promise<void> => {
      await this.store.removeOlder('inputs', before(filesInputDays), this.closing.signal);
      await this.store.removeOlder('outputs', before(filesOutputDays), this.closing.signal);
      const answersBefore = new Date(Date.now() - ANSWER_SECONDS * 1000);
      await this.store.removeOlder('answers', answersBefore, this.closing.signal);
      const begunBefore = new Date(Date.now() - UPLOAD_SECONDS * 1000);
      await this.store.multipart.removeOlder('inputs', begunBefore, this.closing.signal);
      await this.store.multipart.removeOlder('outputs', begunBefore, this.closing.signal);
      await this.store.multipart.removeOlder('answers', begunBefore, this.closing.signal);
      await this.stored.sweep(this.closing.signal);
    };
    if (this.store.folderId === null) await this.database.tryExclusively('files', remove);
    else await remove();
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
      this.sweeping = this.sweep().then(() => {
        if (!this.closing.signal.aborted) this.schedule(HOUR_MS);
      });
    }, ms).unref();
  }
}
