import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { outsideScope } from '../../telemetry/index.js';
import { Database, logFailure } from '../database/index.js';
import { type KeptLog, removeTeamLogs, trimLog } from './log-rows.js';

/** Part of its limit to which a log is trimmed, so that it need not be trimmed with every chunk. */
const TRIMMED = 7 / 8;
/** A team's logs are counted whenever this part of its limit was written. */
const COUNTED = 1 / 16;

/** Keeps the logs of a task and of a team within their limits, after they were written. */
@Injectable()
export class LogLimits implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Logs');
  private readonly tooLong = new Set<string>();
  private readonly written = new Map<string, number>();
  private enforcing: Promise<void> | undefined;
  private isClosing = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    this.isClosing = true;
    await this.enforcing;
  }

  /** To be called after logs were written. */
  check(kept: readonly KeptLog[], bytes: ReadonlyMap<string, number>): void {
    for (const { task_id, cost } of kept) if (cost > this.config.tasksLogBytes) this.tooLong.add(task_id);
    for (const [teamId, added] of bytes) this.written.set(teamId, (this.written.get(teamId) ?? 0) + added);
    if (this.isClosing || (this.tooLong.size === 0 && this.largeTeams().length === 0)) return;
    this.enforcing ??= outsideScope(() => this.enforceOrLog()).finally(() => {
      this.enforcing = undefined;
    });
  }

  /** The teams that have written much since their logs were counted. */
  private largeTeams(): string[] {
    const most = this.config.teamLogBytes * COUNTED;
    return [...this.written].filter(([, bytes]) => bytes > most).map(([teamId]) => teamId);
  }

  private async enforceOrLog(): Promise<void> {
    await this.enforce().catch((error: unknown) =>
      logFailure(this.logger, 'logs could not be trimmed', error),
    );
  }

  private async enforce(): Promise<void> {
    const { tasksLogBytes, teamLogBytes } = this.config;
    for (const taskId of this.tooLong) {
      this.tooLong.delete(taskId);
      await this.database.db
        .transaction()
        .execute((tx) => trimLog(tx, taskId, tasksLogBytes * TRIMMED, tasksLogBytes));
    }
    for (const teamId of this.largeTeams()) {
      this.written.delete(teamId);
      const remove = () => removeTeamLogs(this.database.db, teamId, teamLogBytes);
      while (!this.isClosing && (await this.database.exclusively('logs', remove)) > 0);
    }
  }
}
