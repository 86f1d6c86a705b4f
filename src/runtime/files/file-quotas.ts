import { Inject, Injectable, Logger } from '@nestjs/common';
import { type RawBuilder, sql } from 'kysely';
import { LRUCache } from 'lru-cache';

import { CONFIG, type Config } from '../../config/index.js';
import { Database, logFailure } from '../database/index.js';
import { KIND_OF_FILE } from './file-rows.js';
import { ObjectStore, type UploadTarget } from './object-store.js';

/** How long a sum is used for further files, which this node adds to it. */
const SUM_MS = 1000;
const SUMS_KEPT = 2000;
/** Answers that one statement removes. */
const BATCH = 1000;

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

/** Bytes of the uploads and of the outputs of a team. */
interface Taken {
  readonly inputs: number;
  readonly outputs: number;
}

/**
 * How many bytes a team may keep: uploads and outputs together, which are refused above it; and answers of services, of
 * which the oldest make room for new ones. Nodes that share the database may exceed a limit by what they accept while
 * they use a sum.
 */
@Injectable()
export class FileQuotas {
  private readonly logger = new Logger('Files');
  private readonly sums = new LRUCache<string, { bytes: number; readonly at: number }>({ max: SUMS_KEPT });

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly store: ObjectStore,
  ) {}

  /**
   * For uploads and outputs.
   *
   * @throws {TeamFilesFull} when the team would keep too much.
   */
  async reserve(teamId: string, sizes: ReadonlyMap<string, number>): Promise<void> {
    const { teamFilesBytes: limit } = this.config;
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    if (bytes > limit) throw tooMany(bytes, limit);
    if (this.fits(teamId, bytes, limit)) return;
    const at = performance.now();
    const taken = await this.takenBy(teamId, [...sizes.keys()]);
    const sum = taken.inputs + taken.outputs + bytes;
    if (sum > limit) throw noRoom(taken, bytes, this.config);
    this.sums.set(teamId, { bytes: sum, at });
  }

  /**
   * For the answer of a service: removes the oldest ones that are stored, until there is room.
   *
   * @throws {TeamFilesFull} when it is too large, or others that are being stored take the room.
   */
  async reserveAnswer(teamId: string, { key, size }: UploadTarget): Promise<void> {
    const { teamAnswersBytes: limit } = this.config;
    if (size > limit) throw answerTooLarge(size, limit);
    const name = `answers ${teamId}`;
    if (this.fits(name, size, limit)) return;
    const at = performance.now();
    let taken = await this.takenByAnswers(teamId, key);
    while (taken + size > limit) {
      const removed = await this.removeOldest(teamId, taken + size - limit);
      const left = await this.takenByAnswers(teamId, key);
      // Another call may have removed the same ones.
      if (removed === 0 && left >= taken) throw othersArrive(size, limit);
      taken = left;
    }
    this.sums.set(name, { bytes: taken + size, at });
  }

  private fits(name: string, bytes: number, limit: number): boolean {
    const known = this.sums.get(name);
    if (!known || performance.now() - known.at >= SUM_MS || known.bytes + bytes > limit) return false;
    known.bytes += bytes;
    return true;
  }

  /** Without the files that are announced again. */
  private async takenBy(teamId: string, without: readonly string[]): Promise<Taken> {
    const rows = await this.database.db
      .selectFrom('stored_file')
      .select(({ fn }) => [KIND_OF_FILE.as('kind'), fn.sum<string>('file_size').as('bytes')])
      .where('team_id', '=', teamId)
      .where(KIND_OF_FILE, '<>', 'answers')
      .where('file_key', 'not in', without)
      .groupBy(KIND_OF_FILE)
      .execute();
    const bytesOf = (wanted: string): number => Number(rows.find(({ kind }) => kind === wanted)?.bytes ?? 0);
    return { inputs: bytesOf('inputs'), outputs: bytesOf('outputs') };
  }

  /** In this store: every folder of a node has as much room as an object store. */
  private async takenByAnswers(teamId: string, without: string): Promise<number> {
    const { bytes } = await this.database.db
      .selectFrom('stored_file')
      .select(({ fn }) => fn.sum<string | null>('file_size').as('bytes'))
      .where(KIND_OF_FILE, '=', sql.lit('answers'))
      .where('team_id', '=', teamId)
      .where('folder_id', 'is not distinct from', this.store.folderId)
      .where('file_key', '<>', without)
      .executeTakeFirstOrThrow();
    return Number(bytes ?? 0);
  }

  /** Removes the oldest answers that have so many bytes; returns how many answers. */
  private async removeOldest(teamId: string, bytes: number): Promise<number> {
    const { rows } = await oldestAnswers({ teamId, folderId: this.store.folderId, bytes }).execute(
      this.database.db,
    );
    this.store
      .remove(rows.map(({ file_key }) => file_key))
      .catch((error: unknown) =>
        logFailure(this.logger, 'answers that made room for new ones were not removed yet', error),
      );
    return rows.length;
  }
}

/** Whose answers make room, in which store, for how many bytes. */
interface WantedRoom {
  readonly teamId: string;
  readonly folderId: string | null;
  readonly bytes: number;
}

/** Removes the rows of a team's oldest answers; those that are still being stored stay. */
export const oldestAnswers = ({ teamId, folderId, bytes }: WantedRoom): RawBuilder<{ file_key: string }> =>
  sql`delete from stored_file where file_key in (
    select file_key from (
      select file_key, sum(file_size) over (order by created_at, file_key) - file_size as bytes_before
      from (
        select file_key, file_size, created_at from stored_file
        where ${KIND_OF_FILE} = 'answers' and team_id = ${teamId} and is_confirmed
          and folder_id is not distinct from ${folderId}
        order by created_at, file_key limit ${sql.lit(BATCH)}
      ) as oldest
    ) as counted where bytes_before < ${bytes}
  ) returning file_key`;

const tooMany = (bytes: number, limit: number): TeamFilesFull =>
  new TeamFilesFull(
    `${bytes} bytes are more than the files of a team may have here, which is ${limit} (CYBERUN_TEAM_FILES_BYTES).`,
    false,
  );

const noRoom = ({ inputs, outputs }: Taken, bytes: number, config: Config): TeamFilesFull =>
  new TeamFilesFull(
    `The files of this team have ${inputs + outputs} of the ${config.teamFilesBytes} bytes that they may have (CYBERUN_TEAM_FILES_BYTES): uploads ${inputs}, outputs of runs ${outputs}; answers of services are not counted. So there is no room for ${bytes} more. Uploads are kept ${config.filesInputDays} day(s) and outputs ${config.filesOutputDays}: wait until some have expired, or have the operator raise the limit.`,
    true,
  );

const answerTooLarge = (bytes: number, limit: number): TeamFilesFull =>
  new TeamFilesFull(
    `it has ${bytes} bytes or more, and the answers that are kept of a team may have ${limit} together (CYBERUN_TEAM_ANSWERS_BYTES).`,
    false,
  );

const othersArrive = (bytes: number, limit: number): TeamFilesFull =>
  new TeamFilesFull(
    `there is no room for ${bytes} bytes, since other answers are being stored now and those of a team may have ${limit} bytes together (CYBERUN_TEAM_ANSWERS_BYTES). Make fewer calls with large answers at the same time, or have the operator raise the limit.`,
    true,
  );
