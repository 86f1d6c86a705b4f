import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Engine } from '../engine/index.js';
import { causeOf, type PresentableTask } from './presented-task.js';
import { type EligibleAgents, QueueStanding } from './queue-standing.js';
import { type WaitingTask, waitingReason } from './waiting-reason.js';

const QUEUED: ReadonlySet<string> = new Set(['pending', 'waiting']);

/**
 * Says of a task why it waits or stands still, when it is read: a reason that was written when the task began to wait
 * is out of date as soon as an agent comes or goes.
 */
@Injectable()
export class StatusReasons {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly standing: QueueStanding,
    private readonly engine: Engine,
  ) {}

  /** With the number of tasks ahead. */
  async of(task: PresentableTask): Promise<string | undefined> {
    if (!QUEUED.has(task.task_status)) return this.ofHeld(task);
    const [agents, delays, ahead] = await Promise.all([
      this.standing.agentsFor(task.team_id, [task.required_labels]),
      this.delaysOf([task]),
      this.standing.ahead(task),
    ]);
    return agents[0] && this.ofQueued(task, agents[0], delays.get(task.id), ahead);
  }

  /** By id; without the tasks ahead. At most two statements, however many tasks wait. */
  async ofList(teamId: string, tasks: readonly PresentableTask[]): Promise<ReadonlyMap<string, string>> {
    const queued = tasks.filter(({ task_status }) => QUEUED.has(task_status));
    const queues = new Map(queued.map(({ required_labels: labels }) => [labels.join('/'), labels]));
    const [agents, delays] = await Promise.all([
      queues.size > 0 ? this.standing.agentsFor(teamId, [...queues.values()]) : [],
      this.delaysOf(queued),
    ]);
    const byQueue = new Map([...queues.keys()].map((name, index) => [name, agents[index]]));
    const reasons = new Map<string, string>();
    for (const task of tasks) {
      const found = byQueue.get(task.required_labels.join('/'));
      const isQueued = QUEUED.has(task.task_status) && found !== undefined;
      const reason = isQueued
        ? this.ofQueued(task, found, delays.get(task.id), undefined)
        : this.ofHeld(task);
      if (reason !== undefined) reasons.set(task.id, reason);
    }
    return reasons;
  }

  private ofQueued(
    task: PresentableTask,
    agents: EligibleAgents,
    delay: number | undefined,
    ahead: number | undefined,
  ): string {
    const waiting: WaitingTask = {
      labels: task.required_labels,
      agents,
      ahead,
      teamLimit: this.config.teamTasksRunning,
      leaseSeconds: this.config.runsLeaseSeconds,
      delay,
      retry: { number: task.retry_count, of: task.max_retries },
    };
    const reason = waitingReason(waiting, new Date());
    const cause = delay === undefined ? sentenceOf(task) : undefined;
    return cause === undefined ? reason : `${reason}; ${cause}`;
  }

  private ofHeld({ agent_id, holder_state, task_status, latest_event }: PresentableTask): string | undefined {
    if (holder_state === 'away')
      return `agent ${agent_id} has lost its connection; the run goes on there, and starts again on another agent if this one does not come back within ${this.config.runsLeaseSeconds} s`;
    if (holder_state === 'draining')
      return `agent ${agent_id} is about to end: it finishes this run, or gives it back, and then it starts again`;
    if (task_status !== 'queued') return undefined;
    const why = latest_event?.data['message'];
    const sentence = `given to agent ${agent_id}, which has not started it yet`;
    return typeof why === 'string' ? `${sentence}: ${why}` : sentence;
  }

  private delaysOf(tasks: readonly PresentableTask[]): Promise<ReadonlyMap<string, number>> {
    const retried = tasks.filter(({ retry_count }) => retry_count > 0);
    if (retried.length === 0) return Promise.resolve(new Map());
    return this.engine.delays(
      retried.map(({ id: taskId, team_id: teamId, required_labels: labels }) => ({ taskId, teamId, labels })),
    );
  }
}

/** Why the task is in the queue again. */
function sentenceOf(task: PresentableTask): string | undefined {
  const cause = causeOf(task);
  if (cause === 'failed') return `this is retry ${task.retry_count} of ${task.max_retries}`;
  if (cause === 'interrupted') return 'its last run was interrupted';
  return cause === 'returned' ? 'its agent ended and gave the last run back' : undefined;
}
