import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `alter table task add column submitted_by uuid`,
  `alter table task add column queue_rank integer not null default 0`,
  `create index task_waiting_by_rank on task (team_id, required_labels, queue_rank)
    where task_status in ('pending', 'waiting')`,
  `create index task_waiting_of_key on task (team_id, required_labels, submitted_by, queue_rank)
    where task_status in ('pending', 'waiting')`,
  // Of a task that can be claimed it also names the queue, so that only agents that can run it are considered, and it
  // has the data of a small event, so that those who follow the task need not read it. Payloads have at most 8,000 bytes;
  // a queue that is left out is found by the next sweep, and data is read.
  `create or replace function announce_task_event() returns trigger language plpgsql as $$
  declare
    state text;
    labels text[];
    queue json;
    content text := new.data::text;
  begin
    select task_status, required_labels into state, labels from task where id = new.task_id;
    if new.event = 'status' and state in ('pending', 'waiting') and octet_length(labels::text) < 1000 then
      queue := json_build_object('teamId', new.team_id, 'labels', labels);
    end if;
    if octet_length(content) > 2500 then
      content := null;
    end if;
    perform pg_notify('task_event', json_build_object(
      'task_id', new.task_id, 'sequence', new.sequence, 'event', new.event, 'status', state, 'queue', queue,
      'data', content
    )::text);
    return null;
  end $$`,
];

/** The place of a task in its queue, which is fair between the keys of a team, and its queue in notifications. */
export const fairQueue: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
