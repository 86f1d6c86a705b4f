import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { sql } from 'kysely';

import { CONFIG, type Config } from '../../config/index.js';
import { Database } from '../database/index.js';
import { ALIVE_SINCE, RuntimeNode } from '../nodes/index.js';
import { ClaimedRuns } from './claimed-runs.js';
import { RunReports } from './run-reports.js';
import { HELD_STATES, heldTasks, runName, type TaskRow } from './task-transitions.js';

/**
 * Compares the runs that the database says this node holds with those it has in memory, both ways: a cancel whose
 * notification was lost ends its run, and a claim whose commit was not noticed is run again. Requeues the runs of nodes
 * that are gone for good.
 */
@Injectable()
export class TaskReconciliation implements OnModuleInit {
  private readonly logger = new Logger('Tasks');
  @Inject(CONFIG) private readonly config!: Config;
  /** Runs that memory lacked at the last beat: a claim that has just been committed is added a moment later. */
  private missing: ReadonlySet<string> = new Set();

  constructor(
    private readonly database: Database,
    private readonly node: RuntimeNode,
    private readonly claimed: ClaimedRuns,
    private readonly reports: RunReports,
  ) {}

  onModuleInit(): void {
    this.node.onBeat(async (isSteady) => {
      await this.compare();
      if (isSteady) await this.releaseDeadNodes();
    });
  }

  private async compare(): Promise<void> {
    const known = this.claimed.list();
    const rows = await this.heldBy(this.node.id);
    const held = new Set(rows.map(({ id, attempt_count }) => runName(id, attempt_count)));
    for (const run of known) {
      if (!held.has(runName(run.taskId, run.attempt))) this.claimed.abort(run);
    }
    const missing = rows.filter(
      ({ id: taskId, attempt_count: attempt }) => !this.claimed.claimOf({ taskId, attempt }),
    );
    for (const task of missing) {
      if (this.missing.has(runName(task.id, task.attempt_count))) await this.reports.requeueTask(task);
    }
    this.missing = new Set(missing.map(({ id, attempt_count }) => runName(id, attempt_count)));
  }

  private async releaseDeadNodes(): Promise<void> {
    await this.addMissingNodes();
    const gone = await this.database.db
      .selectFrom('runtime_node')
      .select('id')
      .where('seen_at', '<', sql<Date>`now() - make_interval(secs => ${this.config.runsLeaseSeconds})`)
      .execute();
    for (const { id } of gone) {
      const tasks = await this.heldBy(id);
      for (const task of tasks) await this.reports.requeueTask(task);
      await this.database.db.deleteFrom('runtime_node').where('id', '=', id).execute();
      if (tasks.length > 0)
        this.logger.warn(
          `${tasks.length} run(s) of a server that is gone were interrupted; they start again.`,
        );
    }
  }

  /** A node without a row that holds runs gets one: their lease begins now. */
  private async addMissingNodes(): Promise<void> {
    await this.database.db
      .insertInto('runtime_node')
      .columns(['id', 'url', 'seen_at'])
      .expression((query) =>
        query
          .selectFrom('task')
          .leftJoin('runtime_node', 'runtime_node.id', 'task.node_id')
          .select((task) => [
            task.ref('task.node_id').$notNull().as('id'),
            sql.lit('').as('url'),
            ALIVE_SINCE.as('seen_at'),
          ])
          .distinct()
          .where('task.task_status', 'in', HELD_STATES)
          .where('task.node_id', 'is not', null)
          .where('runtime_node.id', 'is', null),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  private heldBy(nodeId: string): Promise<TaskRow[]> {
    return heldTasks(this.database.db).where('node_id', '=', nodeId).execute();
  }
}
