import { Injectable, Logger } from '@nestjs/common';

import type { RunProgress } from '../../contract/index.js';
import { Database } from '../database/index.js';
import { Engine } from '../engine/index.js';
import type { ClaimedRun } from './claimed-run.js';
import { HeldRuns } from './held-runs.js';
import { moveTask } from './task-transitions.js';

/** Writes down what is heard of runs on their way. */
@Injectable()
export class RunReports {
  private readonly logger = new Logger('Tasks');

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly held: HeldRuns,
  ) {}

  async started(run: ClaimedRun): Promise<void> {
    const { taskId, teamId, attempt, agentId } = run;
    const queued = { teamId, taskId, attempt, from: ['queued'] as const };
    const change = { task_status: 'running' as const, started_at: new Date() };
    const data = { status: 'running', agent_id: agentId };
    const moved = await this.database.db
      .transaction()
      .execute((tx) => moveTask(tx, queued, change, { event: 'status', data }));
    // Cancelled before anybody here could hear of it.
    if (!moved) {
      this.held.giveUp(run);
      return;
    }
    this.logger.log(`task ${taskId} (${run.workflow}): started on agent ${agentId}, attempt ${attempt}`);
  }

  async progress({ taskId, teamId, attempt }: ClaimedRun, progress: RunProgress): Promise<void> {
    await this.database.db
      .transaction()
      .execute((tx) =>
        moveTask(
          tx,
          { teamId, taskId, attempt, from: ['running'] },
          {},
          { event: 'progress', data: { ...progress } },
        ),
      );
  }

  async heartbeat(runs: readonly ClaimedRun[]): Promise<void> {
    await this.engine.heartbeat(runs.flatMap((run) => this.held.claimOf(run) ?? []));
  }
}
