import { createHash } from 'node:crypto';

import { ConflictException, Injectable } from '@nestjs/common';
import { sql } from 'kysely';

import { Database, type Db, type Tx } from '../database/index.js';

const KEPT_HOURS = 24;
/** Keys that were made before this moment have expired. */
export const IDEMPOTENCY_KEY_EXPIRY = sql<Date>`now() - make_interval(hours => ${sql.lit(KEPT_HOURS)})`;

/** A key that a caller gave to a run, and what the run asks for. */
export interface KeyedRun {
  readonly teamId: string;
  readonly key: string;
  readonly requestHash: string;
}

/**
 * Hash of what a caller asked for, before validation and without the version of the workflow: a repeated request gets the
 * first task also after a file of its parameters has expired, or the workflow has changed.
 */
export function requestHashOf(workflowId: string, parameters: object, fields: object): string {
  const text = JSON.stringify([workflowId, parameters, fields], (_name, value: unknown) => sorted(value));
  return createHash('sha256').update(text).digest('hex');
}

/** The same object with its names in order: clients may write them in any. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The task of each Idempotency-Key; a key is free again after 24 hours, by the clock of the database. */
@Injectable()
export class IdempotencyKeys {
  constructor(private readonly database: Database) {}

  /**
   * The task that an earlier request with this key has made; `undefined` when there is none.
   *
   * @throws {ConflictException} when the earlier request asked for something else.
   */
  async taskOf(
    { teamId, key, requestHash }: KeyedRun,
    db: Db = this.database.db,
  ): Promise<string | undefined> {
    const row = await db
      .selectFrom('idempotency_key')
      .select(['task_id', 'request_hash'])
      .where('team_id', '=', teamId)
      .where('key', '=', key)
      .where('created_at', '>', IDEMPOTENCY_KEY_EXPIRY)
      .executeTakeFirst();
    if (row === undefined || row.request_hash === requestHash) return row?.task_id;
    throw new ConflictException(
      `This Idempotency-Key was used for a run of another workflow or with other parameters. Take a new key for each new run; a key is free again after ${KEPT_HOURS} hours.`,
    );
  }

  /**
   * Binds the key to a new task inside its transaction. Another transaction with the same key waits here until this one
   * ends.
   *
   * @returns the task of an earlier request, if there is one.
   */
  async claim(tx: Tx, run: KeyedRun, taskId: string): Promise<string | undefined> {
    const { teamId: team_id, key, requestHash: request_hash } = run;
    const claimed = await tx
      .insertInto('idempotency_key')
      .values({ team_id, key, request_hash, task_id: taskId })
      .onConflict((conflict) =>
        conflict
          .columns(['team_id', 'key'])
          .doUpdateSet({ request_hash, task_id: taskId, created_at: sql<Date>`now()` })
          .where('idempotency_key.created_at', '<=', IDEMPOTENCY_KEY_EXPIRY),
      )
      .returning('task_id')
      .executeTakeFirst();
    return claimed ? undefined : this.taskOf(run, tx);
  }
}
