import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Database, logFailure } from '../database/index.js';
import { ObjectStore } from './object-store.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Removes expired files at start and every hour; of the nodes that share a store, one at a time. */
@Injectable()
export class FileSweeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Files');
  private readonly ending = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: ObjectStore,
    private readonly database: Database,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.store.removeUnfinished().catch((error: unknown) => {
      this.logger.warn({ error }, 'unfinished uploads of an earlier server could not be removed');
    });
    this.timer = setInterval(() => void this.sweep(), HOUR_MS);
    this.timer.unref();
    void this.sweep();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.ending.abort();
    await this.sweeping;
  }

  sweep(): Promise<void> {
    this.sweeping = this.sweeping.then(() => this.removeExpired());
    return this.sweeping;
  }

  private async removeExpired(): Promise<void> {
    const { signal } = this.ending;
    try {
      if (this.store.isShared) await this.database.tryExclusively('files', () => this.remove(signal));
      else await this.remove(signal);
    } catch (error) {
      if (!signal.aborted) logFailure(this.logger, 'old files could not be removed', error);
    }
  }

  private async remove(signal: AbortSignal): Promise<void> {
    const { filesInputDays, filesOutputDays } = this.config;
    await this.store.removeOlder('inputs', new Date(Date.now() - filesInputDays * DAY_MS), signal);
    await this.store.removeOlder('outputs', new Date(Date.now() - filesOutputDays * DAY_MS), signal);
  }
}
