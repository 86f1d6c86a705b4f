import { type RawBuilder, sql } from 'kysely';

import type { FileKind } from './object-store.js';

/** The kind of the file of a row; written as the indexes have it. */
export const KIND_OF_FILE = sql<string>`split_part(file_key, '/', 1)`;

/**
 * Keys of files of a kind that are older than so many seconds. In the order of the index: without one, a planner that expects
 * many of them reads the whole table until it has found enough.
 */
export const expiredFiles = (kind: FileKind, seconds: number, limit: number): RawBuilder<unknown> =>
  sql`select file_key from stored_file
    where ${KIND_OF_FILE} = ${kind} and created_at < now() - make_interval(secs => ${seconds})
    order by created_at limit ${sql.lit(limit)}`;
