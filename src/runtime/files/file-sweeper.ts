import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { FileFolder } from './file-folder.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Removes expired files every hour. With a real S3, lifecycle rules do this. */
@Injectable()
export class FileSweeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Files');
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly folder: FileFolder,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.folder.removeDrafts().catch((error: unknown) => {
      this.logger.warn({ error }, 'unfinished uploads of an earlier server could not be removed');
    });
    this.timer = setInterval(() => void this.sweep(), HOUR_MS);
    this.timer.unref();
    void this.sweep();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Removes expired files. */
  async sweep(): Promise<void> {
    const { filesInputDays, filesOutputDays } = this.config;
    try {
      await this.folder.removeOlder('inputs', new Date(Date.now() - filesInputDays * DAY_MS));
      await this.folder.removeOlder('outputs', new Date(Date.now() - filesOutputDays * DAY_MS));
    } catch (error) {
      this.logger.error({ error }, 'old files could not be removed');
    }
  }
}
