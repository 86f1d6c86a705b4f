import { sql } from 'kysely';

import type { TraceContext } from '../../telemetry/index.js';
import type { Db } from '../database/index.js';
import type { ClaimedJob, StatementPart } from '../engine/index.js';
import type { ClaimingAgent } from './claimed-runs.js';
import { OPEN_STATES, TASK_COLUMNS, type TaskRow } from './task-transitions.js';

/** A task that can be run. */
export type RunnableTask = TaskRow & {
  readonly parameters: Record<string, unknown>;
  readonly trace_context: TraceContext | null;
};

/** A claimed job and its task; without a task when that has ended before. */
interface TakenJob {
  readonly taskId: string;
  readonly attempt: number;
  readonly task: RunnableTask | undefined;
}

interface Places {
  readonly teamId: string;
  readonly nodeId: string;
  /** One for each job, the first for the first. */
  readonly agents: readonly ClaimingAgent[];
}

type TakenRow = { readonly job_id: string; readonly attempt: number } & (
  RunnableTask | { readonly id: null }
);

/**
 * Claims jobs and gives their tasks to agents, which makes them `queued`, in one statement.
 *
 * @param jobs the part of the statement that claims them.
 */
export async function queueTasks(
  db: Db,
  jobs: StatementPart<ClaimedJob>,
  { teamId, nodeId, agents }: Places,
): Promise<TakenJob[]> {
  const places = JSON.stringify(agents.map(placeOf));
  const columns = sql.join(TASK_COLUMNS.map((column) => sql.ref(`task.${column}`)));
  // Every earlier run has failed or was given back, and was counted, or was interrupted, perhaps without a report.
  const interrupted = sql`taken.attempt - 1 - task.retry_count - task.returned_count`;
  const { rows } = await sql<TakenRow>`with claimed as (${jobs}), taken as (
      select id, attempt, row_number() over (order by priority desc, id) as place from claimed
    ), agent as (
      select * from json_to_recordset(${places}::json)
        as given(place bigint, agent_id text, labels json, gpu_type text, data text)
    ), moved as (
      update task set task_status = 'queued', attempt_count = taken.attempt, interrupted_count = ${interrupted},
        agent_id = agent.agent_id, agent_labels = array(select json_array_elements_text(agent.labels)),
        gpu_type = agent.gpu_type, node_id = ${nodeId}, last_sequence = last_sequence + 1
      from taken join agent on agent.place = taken.place
      where task.id = any(array(select id from taken)) and task.id = taken.id and task.team_id = ${teamId} and task_status in (${sql.join(OPEN_STATES)})
      returning ${columns}, task.parameters, task.trace_context, task.last_sequence, agent.data
    ), written as (
      insert into task_event (task_id, team_id, sequence, event, data)
      select id, team_id, last_sequence, 'status', ('{"task_id":"' || id || '",' || data)::json from moved
    ) select taken.id as job_id, taken.attempt, moved.* from taken left join moved on moved.id = taken.id
      order by taken.place`.execute(db);
  return rows.map(({ job_id: taskId, attempt, ...task }) => ({
    taskId,
    attempt,
    task: task.id === null ? undefined : task,
  }));
}

/** An agent for the statement, with the data of the event behind the id of the task. */
function placeOf({ agentId: agent_id, labels, gpuType }: ClaimingAgent, index: number): object {
  const data = JSON.stringify({ status: 'queued', agent_id, timestamp: new Date().toISOString() }).slice(1);
  return { place: index + 1, agent_id, labels, gpu_type: gpuType ?? null, data };
}
