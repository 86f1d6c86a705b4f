import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table service_definition (
    team_id uuid not null references team,
    service_slug text not null,
    id uuid not null unique,
    source text not null,
    source_file text not null,
    content_hash text not null,
    former_hashes text[] not null default '{}',
    bundle_hash text,
    definition json not null,
    is_removed boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (team_id, service_slug)
  )`,
  `create table service_replica (
    team_id uuid not null,
    service_slug text not null,
    replica integer not null,
    deployment_id uuid not null,
    node_id uuid references runtime_node on delete set null,
    agent_id text not null,
    content_hash text not null,
    is_stopping boolean not null default false,
    replica_status text not null,
    port integer,
    history json not null,
    updated_at timestamptz not null default now(),
    primary key (team_id, service_slug, replica),
    foreign key (team_id, service_slug) references service_definition on delete cascade
  )`,
  `create index service_replica_of_node on service_replica (node_id)`,
];

/** The definitions of services, and where each replica of them runs. */
export const services: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
