import { type RawBuilder, sql } from 'kysely';

import { queueName, type WorkRequirement } from '../engine/index.js';

/** A queue, and the key that submits a task to it. */
interface QueuedBy extends WorkRequirement {
  readonly submittedBy: string | null;
}

/**
 * Places tasks in their queue so that the keys of a team take turns: the n-th waiting task of a key comes after at most n
 * waiting tasks of each other key. See docs/adr/0015.
 */
export class QueueRanks {
  /** By queue and key: ranks that were given to transactions that have not ended, which others do not see. */
  private readonly open = new Map<string, number>();

  /** A rank for one new task; to be closed once its transaction has ended. */
  reserve(place: QueuedBy): { readonly rank: () => RawBuilder<number>; readonly close: () => void } {
    const name = `${queueName(place)} ${place.submittedBy}`;
    let isGiven = false;
    return {
      rank: () => {
        const others = this.open.get(name) ?? 0;
        this.open.set(name, others + 1);
        isGiven = true;
        return rankAfter(place, others);
      },
      close: () => {
        if (isGiven) this.release(name);
      },
    };
  }

  private release(name: string): void {
    const left = (this.open.get(name) ?? 0) - 1;
    if (left > 0) this.open.set(name, left);
    else this.open.delete(name);
  }
}

/** Two look-ups in an index: the next task of the queue, and the last one of the key. */
function rankAfter({ teamId, labels, submittedBy }: QueuedBy, others: number): RawBuilder<number> {
  const waiting = sql`from task where team_id = ${teamId} and required_labels = ${[...labels]}::text[]
    and task_status in ('pending', 'waiting') and queue_rank > 0`;
  return sql<number>`${others}::integer + 1 + greatest(
    coalesce((select queue_rank ${waiting} order by queue_rank limit 1) - 1, 0),
    coalesce((select queue_rank ${waiting} and submitted_by = ${submittedBy}::uuid
      order by queue_rank desc limit 1), 0))`;
}
