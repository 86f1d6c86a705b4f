import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * One statement each: PGlite's prepared protocol takes no more. Documents are `json`, not `jsonb`: authors put
 * parameters in an order, and outputs may hold what `jsonb` refuses (U+0000).
 */
const STATEMENTS = [
  `create table team (
    id uuid primary key,
    team_slug text not null unique,
    created_at timestamptz not null default now()
  )`,
  `create table credential (
    id uuid primary key,
    team_id uuid not null references team,
    kind text not null check (kind in ('integration', 'agent')),
    display_name text not null,
    key_prefix text not null,
    key_hash text not null unique,
    permissions text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
  )`,
  `create index credential_of_team on credential (team_id, id)`,
  `create table workflow (
    id uuid primary key,
    team_id uuid not null references team,
    workflow_slug text not null,
    workflow_status text not null check (workflow_status in ('active', 'disabled')),
    source_file text not null,
    version integer not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (team_id, workflow_slug),
    unique (team_id, id)
  )`,
  `create table workflow_version (
    workflow_id uuid not null,
    team_id uuid not null,
    version integer not null,
    content_hash text not null,
    definition json not null,
    created_at timestamptz not null default now(),
    primary key (workflow_id, version),
    foreign key (team_id, workflow_id) references workflow (team_id, id)
  )`,
  `create table task (
    id uuid primary key,
    team_id uuid not null references team,
    workflow_id uuid not null,
    workflow_version integer not null,
    required_labels text[] not null,
    task_status text not null,
    parameters json not null,
    submission json not null,
    task_output json,
    task_error text not null default '',
    max_retries integer not null,
    retry_count integer not null default 0,
    attempt_count integer not null default 0,
    interrupted_count integer not null default 0,
    last_sequence integer not null default 0,
    agent_id text,
    agent_labels text[],
    gpu_type text,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    completed_at timestamptz,
    unique (team_id, id),
    foreign key (team_id, workflow_id) references workflow (team_id, id),
    foreign key (workflow_id, workflow_version) references workflow_version
  )`,
  `create index task_of_team_by_state on task (team_id, task_status, id)`,
  `create index task_open on task (task_status) where task_status not in ('completed', 'failed', 'cancelled')`,
  `create table task_event (
    task_id uuid not null,
    team_id uuid not null,
    sequence integer not null,
    event text not null,
    data json not null,
    created_at timestamptz not null default now(),
    primary key (task_id, sequence),
    foreign key (team_id, task_id) references task (team_id, id) on delete cascade
  )`,
  `create table task_file (
    task_id uuid not null,
    team_id uuid not null,
    file_name text not null,
    file_key text not null,
    file_size bigint not null,
    content_type text not null,
    primary key (task_id, file_name),
    foreign key (team_id, task_id) references task (team_id, id) on delete cascade
  )`,
  `create function announce_task_event() returns trigger language plpgsql as $$
  begin
    perform pg_notify('task_event', json_build_object(
      'task_id', new.task_id, 'sequence', new.sequence, 'event', new.event,
      'status', (select task_status from task where id = new.task_id)
    )::text);
    return null;
  end $$`,
  `create trigger announce after insert on task_event for each row execute function announce_task_event()`,
];

/** Teams, keys, workflows and their versions, tasks and their events. */
export const initial: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
