import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

import { AGENT_FEATURES } from '../../contract/index.js';
import { Database } from '../database/index.js';
import { isDelayed } from '../engine/index.js';
import { ALIVE_SINCE } from '../nodes/index.js';
import type { TaskRow } from './task-transitions.js';

/** Tasks ahead of another are counted up to here, so that a long queue costs no more than a short one. */
export const AHEAD_COUNTED = 1000;

/** The agents of a team, on all nodes, that could run the tasks of a queue. */
export interface EligibleAgents {
  /** Without those that drain. */
  readonly count: number;
  /** Of one of them. */
  readonly agent_id: string | null;
  readonly draining: number;
  /** Whether an agent has at least the labels that are required, if not the features. */
  readonly has_labels: boolean;
  /** Of those that do not drain. */
  readonly slots: number;
  readonly busy: number;
  /** One that has the labels, holds a run, and is not connected. */
  readonly away_id: string | null;
  /** Runs of the whole team. */
  readonly team_runs: number;
}

/** Where a queue stands, by the state of the database, which all nodes share. */
@Injectable()
export class QueueStanding {
  constructor(private readonly database: Database) {}

  /** One statement for all queues of a team, in their order; it reads agents and their runs, and no waiting task. */
  async agentsFor(teamId: string, queues: readonly (readonly string[])[]): Promise<EligibleAgents[]> {
    const features = Object.keys(AGENT_FEATURES);
    const { rows } = await sql<EligibleAgents>`
      with connected as materialized (
        select agent_id, (hello -> 'labels')::jsonb || coalesce((hello -> 'features')::jsonb, '[]') as labels,
          (hello ->> 'slots')::integer as slots,
          coalesce((hello ->> 'draining')::boolean, false) as is_draining
        from connected_agent join runtime_node as node on node.id = node_id
        where team_id = ${teamId} and node.seen_at > ${ALIVE_SINCE}
      ), held as materialized (
        select agent_id, count(*)::integer as runs, to_jsonb(max(agent_labels)) as labels
        from task where team_id = ${teamId} and task_status in ('queued', 'running') group by agent_id
      )
      select count(agent_id) filter (where not is_draining)::integer as count,
        min(agent_id) filter (where not is_draining) as agent_id,
        count(agent_id) filter (where is_draining)::integer as draining,
        coalesce(sum(slots) filter (where not is_draining), 0)::integer as slots,
        coalesce(sum(least(coalesce(runs, 0), slots)) filter (where not is_draining), 0)::integer as busy,
        (select min(held.agent_id) from held where held.labels @> queue.labels and not exists
          (select from connected where connected.agent_id = held.agent_id)) as away_id,
        exists (select from connected as labelled where labelled.labels @> (queue.labels - ${features}::text[]))
          as has_labels,
        (select coalesce(sum(held.runs), 0)::integer from held) as team_runs
      from jsonb_array_elements(${JSON.stringify(queues)}::jsonb) with ordinality as queue(labels, place)
        left join (connected left join held as running using (agent_id))
          on connected.labels @> queue.labels
      group by queue.place, queue.labels order by queue.place`.execute(this.database.db);
    return rows;
  }

  /** How many tasks of its queue come before this one, of those that can be claimed now; at most one above the limit. */
  async ahead({ id, team_id, required_labels, queue_rank }: TaskRow): Promise<number> {
    const queue = { teamId: team_id, labels: required_labels };
    const { rows } = await sql<{ ahead: number }>`select count(*)::integer as ahead from (
      select from task where team_id = ${team_id} and required_labels = ${required_labels}::text[]
        and task_status in ('pending', 'waiting') and (queue_rank, id) < (${queue_rank}::integer, ${id}::uuid)
        and (queue_rank > 0 or not ${isDelayed(queue, sql.ref('task.id'))})
      limit ${AHEAD_COUNTED + 1}) as before`.execute(this.database.db);
    return rows[0]?.ahead ?? 0;
  }
}
