import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table runtime_node (
    id uuid primary key,
    url text not null,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
  )`,
  `create table connected_agent (
    team_id uuid not null references team,
    agent_id text not null,
    node_id uuid not null references runtime_node on delete cascade,
    hello json not null,
    tasks_completed integer not null default 0,
    connected_at timestamptz not null default now(),
    primary key (team_id, agent_id)
  )`,
  `alter table task add column node_id uuid`,
  `create index task_of_node on task (node_id) where task_status in ('queued', 'running')`,
  `create index task_of_agent on task (team_id, agent_id) where task_status in ('queued', 'running')`,
];

/** The processes that share the database, the agents connected to each, and the tasks that each holds. */
export const nodes: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
