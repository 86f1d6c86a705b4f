import { sql } from 'kysely';

import type { Tx } from '../database/index.js';
import type { Engine } from '../engine/index.js';
import { OPEN_STATES } from '../tasks/index.js';

const BATCH = 1000;

/** Makes tasks that were with an agent `pending`: no agent of the other installation has them. Returns their number. */
export async function releaseHeldTasks(tx: Tx): Promise<number> {
  const { rows } = await sql`with released as (
      update task set task_status = 'pending', last_sequence = last_sequence + 1, returned_count = returned_count + 1,
        agent_id = null, agent_labels = null, gpu_type = null, node_id = null
      where task_status in ('queued', 'running') returning id, team_id, last_sequence
    ), written as (
      insert into task_event (task_id, team_id, sequence, event, data)
      select id, team_id, last_sequence, 'status', json_build_object('task_id', id, 'status', 'pending',
        'message', 'the runtime was moved to another database; the run starts again',
        'timestamp', ${new Date().toISOString()}::text)
      from released
    ) select id from released`.execute(tx);
  return rows.length;
}

/** Gives every task that has not ended a job; its next run has the next number. */
export async function enqueueOpenTasks(tx: Tx, engine: Engine): Promise<void> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const tasks = await tx
      .selectFrom('task')
      .select(['id', 'team_id', 'required_labels', 'attempt_count', 'queue_rank'])
      .where('task_status', 'in', OPEN_STATES)
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH)
      .execute();
    for (const { id, team_id: teamId, required_labels: labels, attempt_count, queue_rank } of tasks) {
      after = id;
      await engine.enqueue(tx, id, { teamId, labels }, queue_rank);
      if (attempt_count > 0) await engine.countRuns(tx, id, { teamId, labels }, attempt_count);
    }
    if (tasks.length < BATCH) return;
  }
}
