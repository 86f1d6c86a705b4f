import { setTimeout as delay } from 'node:timers/promises';

import { Injectable, Logger } from '@nestjs/common';
import { sql } from 'kysely';

import type { TaskState } from '../../contract/index.js';
import { Database, logFailure } from '../database/index.js';
import { ALIVE_SINCE, RuntimeNode } from '../nodes/index.js';

/** Several servers may read the page; they share one reading of the database. */
const FRESH_MS = 10_000;
/** The page must not wait for a database that does not answer: it says that the database is away. */
const LIMIT_MS = 2000;

/** What the database counts. */
export interface StateOfDatabase {
  readonly tasks: readonly {
    readonly labels: readonly string[];
    readonly state: TaskState;
    readonly count: number;
    /** Age of the oldest of them that has never run; `null` without one. */
    readonly oldest_seconds: number | null;
  }[];
  readonly services: readonly {
    readonly service: string;
    readonly wanted: number;
    readonly running: number;
    readonly failed: number;
  }[];
}

/**
 * Reads what the whole database has in one statement, which reads open tasks by their own index. Of several nodes only
 * the oldest gets an answer, so that the statement runs once for any number of them.
 */
@Injectable()
export class SharedState {
  private readonly logger = new Logger('Metrics');
  private reading: { readonly at: number; readonly state: Promise<StateOfDatabase | undefined> } | undefined;

  constructor(
    private readonly database: Database,
    private readonly node: RuntimeNode,
  ) {}

  /** At most ten seconds old; `undefined` while another node reports it, or the database is away. */
  latest(): Promise<StateOfDatabase | undefined> {
    const now = Date.now();
    if (this.reading === undefined || now - this.reading.at > FRESH_MS)
      this.reading = { at: now, state: this.readWithinLimit() };
    return this.reading.state;
  }

  private async readWithinLimit(): Promise<StateOfDatabase | undefined> {
    const limit = new AbortController();
    const late = delay(LIMIT_MS, undefined, { signal: limit.signal, ref: false }).catch(() => undefined);
    const read = this.read().catch((error: unknown) => {
      logFailure(this.logger, 'tasks and services could not be counted', error);
      return undefined;
    });
    return Promise.race([read, late]).finally(() => limit.abort());
  }

  private async read(): Promise<StateOfDatabase | undefined> {
    const reporter = sql`(select id from runtime_node where seen_at > ${ALIVE_SINCE} and url != ''
      order by started_at, id limit 1)`;
    const { rows } = await sql<StateOfDatabase>`with tasks as (
        select required_labels as labels, task_status as state, count(*)::integer as count,
          extract(epoch from now() - min(created_at) filter (where attempt_count = 0))::float8 as oldest_seconds
        from task where task_status not in ('completed', 'failed', 'cancelled')
        group by required_labels, task_status
      ), services as (
        select service_slug as service, sum(coalesce((definition ->> 'replica_count')::integer, 1))::integer as wanted,
          sum(running)::integer as running, sum(failed)::integer as failed
        from service_definition as defined, lateral (
          select count(*) filter (where replica_status = 'running' and not is_stopping) as running,
            count(*) filter (where replica_status = 'failed') as failed
          from service_replica as replica
          where replica.team_id = defined.team_id and replica.service_slug = defined.service_slug
        ) as replicas where not is_removed group by service_slug
      )
      select (select coalesce(json_agg(tasks), '[]') from tasks) as tasks,
        (select coalesce(json_agg(services), '[]') from services) as services
      where ${this.node.isAlone} or ${this.node.id} = ${reporter}`.execute(this.database.db);
    return rows[0];
  }
}
