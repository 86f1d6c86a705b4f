import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';

import { CONFIG, type Config } from '../../config/index.js';
import { Database } from '../database/index.js';

import {
  ANSWER_SECONDS,
  type FileKind,
  LINK_SECONDS,
  ObjectStore,
  type UploadTarget,
} from './object-store.js';

/** How long a sum is used for further files, which this node adds to it. */
const SUM_MS = 1000;
const DAY_SECONDS = 86_400;
const TEAMS_KEPT = 1000;
/** Rows of one statement of the sweep. */
const BATCH = 1000;
/** Files of an object store that are looked up at the same time. */
const AT_ONCE = 10;
/** An upload may begin as long as its link is valid, and then take as long again; in parts, it may take a day. */
const ARRIVED_AFTER_SECONDS = 2 * LINK_SECONDS + 600;
const PARTS_ARRIVED_AFTER_SECONDS = ARRIVED_AFTER_SECONDS + 86_400;

/** A team may not keep so many bytes of files; the message is for the one who stores them. */
export class TeamFilesFull extends Error {
  override readonly name = 'TeamFilesFull';

  constructor(
    message: string,
    /** Whether there is room once other files have expired. */
    readonly isTemporary: boolean,
  ) {
    super(message);
  }
}

/** Where the rows say that a file is. */
interface FilePlace {
  /** Null in an object store. */
  readonly folderId: string | null;
  readonly isConfirmed: boolean;
}

/** What files there are, of which team and in which folder: a row each, from the link for the upload until it expires. */
@Injectable()
export class StoredFiles {
  private readonly sums = new LRUCache<string, { bytes: number; readonly at: number }>({ max: TEAMS_KEPT });

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly store: ObjectStore,
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
    await this.reserve(teamId, sizes);
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
      const { numAffectedRows } = await sql`delete from stored_file where file_key in (
        select file_key from stored_file
        where created_at < now() - make_interval(secs => ${seconds}) and starts_with(file_key, ${`${kind}/`})
        limit ${sql.lit(BATCH)}
      )`.execute(this.database.db);
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

  /** Nodes that share the database may exceed the limit by what they accept while they use a sum. */
  private async reserve(teamId: string, sizes: ReadonlyMap<string, number>): Promise<void> {
    const { teamFilesBytes } = this.config;
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    if (bytes > teamFilesBytes) throw tooMany(bytes, this.config);
    const known = this.sums.get(teamId);
    if (known && performance.now() - known.at < SUM_MS && known.bytes + bytes <= teamFilesBytes) {
      known.bytes += bytes;
      return;
    }
    const at = performance.now();
    const others = await this.sumOfOthers(teamId, [...sizes.keys()]);
    if (others + bytes > teamFilesBytes) throw noRoom(others, bytes, this.config);
    this.sums.set(teamId, { bytes: others + bytes, at });
  }

  /** Bytes of the files of a team, without those that are announced again. */
  private async sumOfOthers(teamId: string, keys: readonly string[]): Promise<number> {
    const { bytes } = await this.database.db
      .selectFrom('stored_file')
      .select(({ fn }) => fn.sum<string | null>('file_size').as('bytes'))
      .where('team_id', '=', teamId)
      .where('file_key', 'not in', keys)
      .executeTakeFirstOrThrow();
    return Number(bytes ?? 0);
  }
}

const tooMany = (bytes: number, { teamFilesBytes }: Config): TeamFilesFull =>
  new TeamFilesFull(
    `${bytes} bytes are more than the files of a team may have here, which is ${teamFilesBytes} (CYBERUN_TEAM_FILES_BYTES).`,
    false,
  );

const noRoom = (taken: number, bytes: number, config: Config): TeamFilesFull =>
  new TeamFilesFull(
    `The files of this team have ${taken} of the ${config.teamFilesBytes} bytes that they may have (CYBERUN_TEAM_FILES_BYTES), so there is no room for ${bytes} more. Uploads are kept ${config.filesInputDays} day(s) and outputs ${config.filesOutputDays}: wait until some have expired, or have the operator raise the limit.`,
    true,
  );
