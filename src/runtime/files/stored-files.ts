import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';

import { CONFIG, type Config } from '../../config/index.js';
import { Database } from '../database/index.js';
import { FileQuotas } from './file-quotas.js';
import { expiredFiles } from './file-rows.js';
import {
  ANSWER_SECONDS,
  type FileKind,
  LINK_SECONDS,
  ObjectStore,
  type UploadTarget,
} from './object-store.js';

const DAY_SECONDS = 86_400;
/** Rows of one statement of the sweep. */
const BATCH = 1000;
/** Files of an object store that are looked up at the same time. */
const AT_ONCE = 10;
/** An upload may begin as long as its link is valid, and then take as long again; in parts, it may take a day. */
const ARRIVED_AFTER_SECONDS = 2 * LINK_SECONDS + 600;
const PARTS_ARRIVED_AFTER_SECONDS = ARRIVED_AFTER_SECONDS + 86_400;

/** Where the rows say that a file is. */
interface FilePlace {
  /** Null in an object store. */
  readonly folderId: string | null;
  readonly isConfirmed: boolean;
}

/** What files there are, of which team and in which folder: a row each, from the link for the upload until it expires. */
@Injectable()
export class StoredFiles {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly store: ObjectStore,
    private readonly quotas: FileQuotas,
  ) {}

  /**
   * Writes rows of files that are going to be stored here. One that was announced elsewhere moves: its upload to the
   * other node has failed, or is repeated.
   *
   * @throws {TeamFilesFull} when the team would keep too much.
   */
  async announce(teamId: string, files: readonly UploadTarget[]): Promise<void> {
    if (files.length === 0) return;
    const sizes = new Map(files.map(({ key, size }) => [key, size]));
    await this.quotas.reserve(teamId, sizes);
    await this.insert(teamId, sizes);
  }

  /**
   * The same for the answer of a service, which has room of its own.
   *
   * @throws {TeamFilesFull} when there is no room for it.
   */
  async announceAnswer(teamId: string, answer: UploadTarget): Promise<void> {
    await this.quotas.reserveAnswer(teamId, answer);
    await this.insert(teamId, new Map([[answer.key, answer.size]]));
  }

  private async insert(teamId: string, sizes: ReadonlyMap<string, number>): Promise<void> {
    const rows = [...sizes].map(([file_key, file_size]) => ({
      file_key,
      team_id: teamId,
      file_size,
      folder_id: this.store.folderId,
    }));
    await this.database.db
      .insertInto('stored_file')
      .values(rows)
      .onConflict((conflict) =>
        conflict.column('file_key').doUpdateSet((row) => ({
          folder_id: row.ref('excluded.folder_id'),
          file_size: row.ref('excluded.file_size'),
        })),
      )
      .execute();
  }

  /** `undefined` when there is no row; that of an earlier version has none. */
  async find(key: string): Promise<FilePlace | undefined> {
    const row = await this.database.db
      .selectFrom('stored_file')
      .select(['folder_id', 'is_confirmed'])
      .where('file_key', '=', key)
      .executeTakeFirst();
    return row && { folderId: row.folder_id, isConfirmed: row.is_confirmed };
  }

  /** The key of an output of a task; `undefined` when the team has no such output. */
  async keyOfOutput(
    teamId: string,
    { taskId, fileName }: { readonly taskId: string; readonly fileName: string },
  ): Promise<string | undefined> {
    const row = await this.database.db
      .selectFrom('task_file')
      .select('file_key')
      .where('task_id', '=', taskId)
      .where('file_name', '=', fileName)
      .where('team_id', '=', teamId)
      .executeTakeFirst();
    return row?.file_key;
  }

  /** Notes that a file is stored here; returns its `link_id`. */
  async confirm(key: string, teamId: string, size: number): Promise<string> {
    const row = { file_size: size, folder_id: this.store.folderId, is_confirmed: true };
    const { link_id } = await this.database.db
      .insertInto('stored_file')
      .values({ file_key: key, team_id: teamId, ...row })
      .onConflict((conflict) =>
        conflict.column('file_key').doUpdateSet({ ...row, created_at: sql<Date>`now()` }),
      )
      .returning('link_id')
      .executeTakeFirstOrThrow();
    return link_id;
  }

  /** Removes the row of a file that was announced and could not be stored. */
  async forget(key: string): Promise<void> {
    await this.database.db.deleteFrom('stored_file').where('file_key', '=', key).execute();
  }

  /** Removes the rows of expired files, and of files of this store that never arrived. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { filesInputDays, filesOutputDays } = this.config;
    await this.removeOlder('inputs', filesInputDays * DAY_SECONDS, signal);
    await this.removeOlder('outputs', filesOutputDays * DAY_SECONDS, signal);
    await this.removeOlder('answers', ANSWER_SECONDS, signal);
    for (;;) {
      const keys = await this.doubtful();
      if (keys.length === 0) return;
      for (let start = 0; start < keys.length; start += AT_ONCE) {
        signal.throwIfAborted();
        await Promise.all(keys.slice(start, start + AT_ONCE).map((key) => this.settle(key)));
      }
    }
  }

  private async removeOlder(kind: FileKind, seconds: number, signal: AbortSignal): Promise<void> {
    let removed = BATCH;
    while (removed >= BATCH) {
      signal.throwIfAborted();
      const expired = sql`delete from stored_file where file_key in (${expiredFiles(kind, seconds, BATCH)})`;
      const { numAffectedRows } = await expired.execute(this.database.db);
      removed = Number(numAffectedRows);
    }
  }

  /** Keys of this store whose links have ended, and that are not known to be stored. */
  private async doubtful(): Promise<string[]> {
    const { partBytes } = this.config.limits;
    const due = sql<Date>`now() - make_interval(secs => case
      when file_size > ${partBytes} then ${sql.lit(PARTS_ARRIVED_AFTER_SECONDS)}
      else ${sql.lit(ARRIVED_AFTER_SECONDS)} end)`;
    const rows = await this.database.db
      .selectFrom('stored_file')
      .select('file_key')
      .where('is_confirmed', '=', false)
      .where('folder_id', 'is not distinct from', this.store.folderId)
      .where('created_at', '<', due)
      .orderBy('created_at')
      .limit(BATCH)
      .execute();
    return rows.map(({ file_key }) => file_key);
  }

  private async settle(key: string): Promise<void> {
    const { db } = this.database;
    if (await this.store.has(key))
      await db.updateTable('stored_file').set({ is_confirmed: true }).where('file_key', '=', key).execute();
    else await db.deleteFrom('stored_file').where('file_key', '=', key).execute();
  }
}
