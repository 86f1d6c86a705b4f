import { Injectable, Logger } from '@nestjs/common';
import { sql } from 'kysely';

import { isAgentFeature } from '../../contract/index.js';
import { Database } from '../database/index.js';
import { isEligible, type WorkRequirement } from '../engine/index.js';
import { labelsIn, noAgentFor } from './agent-requirements.js';
import { TaskNotifications } from './task-notifications.js';
import { moveTask, waitingEvent } from './task-transitions.js';

const CLAIMABLE: ReadonlySet<string> = new Set(['pending', 'waiting']);

/** Called with the queue that has a task; without one, any queue may have some. */
type WorkListener = (queue?: WorkRequirement) => void;

/** Notifies the dispatcher of new jobs, and marks tasks as `waiting` while no connected agent can run them. */
@Injectable()
export class WaitingTasks {
  private readonly logger = new Logger('Tasks');
  private readonly listeners = new Set<WorkListener>();
  /** The connected agents, as the gateway reported them last. */
  private agents: readonly WorkRequirement[] = [];

  constructor(
    private readonly database: Database,
    notices: TaskNotifications,
  ) {
    notices.subscribe({
      notified: ({ event, status, queue }) => {
        if (event === 'status' && CLAIMABLE.has(status)) this.notify(queue ?? undefined);
      },
      missed: () => this.notify(),
    });
  }

  /** Calls back when a task may have become claimable; returns a function that unsubscribes. */
  onWork(listener: WorkListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Whether a connected agent could run this, be it free or not. */
  canRun(required: WorkRequirement): boolean {
    return this.agents.some((agent) => isEligible(agent, required));
  }

  /** Why no connected agent can run this; `undefined` when one can, be it free or not. */
  obstacleTo(required: WorkRequirement): string | undefined {
    if (this.canRun(required)) return undefined;
    const { teamId, labels } = required;
    const own = labelsIn(labels);
    const isLacking = (label: string): boolean => !this.canRun({ teamId, labels: [...own, label] });
    const lacking = labels.filter((label) => isAgentFeature(label) && isLacking(label));
    // Several agents may have all features together, and none has all of them.
    const named = lacking.length === 0 ? labels : [...own, ...lacking];
    return noAgentFor(named, this.canRun({ teamId, labels: own }));
  }

  /** Updates the connected agents; tasks that none of them can run become `waiting`. */
  async agentsChanged(agents: readonly WorkRequirement[]): Promise<void> {
    this.agents = agents;
    for (const requirement of await this.queues()) {
      const obstacle = this.obstacleTo(requirement);
      if (obstacle !== undefined) await this.markWaiting(requirement, obstacle);
    }
    this.notify();
  }

  /** The queues that have tasks: a look-up in an index for each, however long they are. */
  private async queues(): Promise<WorkRequirement[]> {
    const open = sql`from task where task_status in ('pending', 'waiting')`;
    const next = sql`order by team_id, required_labels limit 1`;
    const { rows } = await sql<{ team_id: string; required_labels: string[] }>`
      with recursive queue as (
        (select team_id, required_labels ${open} ${next})
        union all
        select after.team_id, after.required_labels from queue, lateral (
          select team_id, required_labels ${open}
            and (team_id, required_labels) > (queue.team_id, queue.required_labels) ${next}
        ) as after
      )
      select team_id, required_labels from queue`.execute(this.database.db);
    return rows.map(({ team_id, required_labels }) => ({ teamId: team_id, labels: required_labels }));
  }

  private async markWaiting({ teamId, labels }: WorkRequirement, obstacle: string): Promise<void> {
    const tasks = await this.database.db
      .selectFrom('task')
      .select('id')
      .where('team_id', '=', teamId)
      .where('task_status', '=', 'pending')
      .where(sql<boolean>`required_labels = ${[...labels]}::text[]`)
      .execute();
    for (const { id: taskId } of tasks) {
      const waiting = { task_status: 'waiting' } as const;
      await moveTask(
        this.database.db,
        { teamId, taskId, from: ['pending'] },
        waiting,
        waitingEvent(obstacle),
      );
    }
  }

  private notify(queue?: WorkRequirement): void {
    for (const listener of this.listeners) {
      try {
        listener(queue);
      } catch (error) {
        this.logger.error({ error }, 'a listener for work failed');
      }
    }
  }
}
