import { Injectable, Logger } from '@nestjs/common';

import { sql } from 'kysely';

import { Database } from '../database/index.js';
import type { WorkRequirement } from '../engine/index.js';
import { ConnectedAgents } from './connected-agents.js';
import { TaskNotices } from './task-notices.js';
import { moveTask, waitingNews } from './task-transitions.js';

const CLAIMABLE: ReadonlySet<string> = new Set(['pending', 'waiting']);

/** Tells the dispatcher when to look for work, and callers when nobody is there to do it. */
@Injectable()
export class WaitingTasks {
  private readonly logger = new Logger('Tasks');
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly database: Database,
    private readonly agents: ConnectedAgents,
    notices: TaskNotices,
  ) {
    notices.subscribe(({ event, status }) => {
      if (event === 'status' && CLAIMABLE.has(status)) this.announce();
    });
  }

  /** Calls back when something may have become claimable; returns the way to stop. */
  onWork(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Says which agents are connected now; what none of them can take becomes `waiting`. */
  async agentsChanged(agents: readonly WorkRequirement[]): Promise<void> {
    this.agents.replace(agents);
    const pending = await this.database.db
      .selectFrom('task')
      .select(['team_id', 'required_labels'])
      .distinct()
      .where('task_status', '=', 'pending')
      .execute();
    for (const { team_id, required_labels } of pending) {
      const requirement = { teamId: team_id, labels: required_labels };
      if (!this.agents.canRun(requirement)) await this.makeWait(requirement);
    }
    this.announce();
  }

  private async makeWait({ teamId, labels }: WorkRequirement): Promise<void> {
    const tasks = await this.database.db
      .selectFrom('task')
      .select('id')
      .where('team_id', '=', teamId)
      .where('task_status', '=', 'pending')
      .where(sql<boolean>`required_labels = ${[...labels]}::text[]`)
      .execute();
    for (const { id: taskId } of tasks) {
      await this.database.db
        .transaction()
        .execute((tx) =>
          moveTask(
            tx,
            { teamId, taskId, from: ['pending'] },
            { task_status: 'waiting' },
            waitingNews(labels),
          ),
        );
    }
  }

  private announce(): void {
    for (const listener of this.listeners) {
      try {
        listener();
      } catch (error) {
        this.logger.error({ error }, 'a listener for work failed');
      }
    }
  }
}
