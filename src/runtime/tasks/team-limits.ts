import { ForbiddenException, HttpException, HttpStatus, Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';

import { CONFIG, type Config } from '../../config/index.js';
import { Database, type Db } from '../database/index.js';
import { HELD_STATES } from './task-transitions.js';

/** How long a count is used for further submissions, which this node adds to it. */
const COUNT_MS = 1000;
/** The same once the limit is reached: room is noticed soon, and refused clients that try again cost little. */
const FULL_COUNT_MS = 200;
const TEAMS_KEPT = 1000;
const RETRY_AFTER_SECONDS = 5;

/** What a team has in the queue. */
interface QueueLoad {
  tasks: number;
  bytes: number;
  /** When it was counted. */
  readonly at: number;
}

/**
 * How much one team may have in the runtime. Tasks in the queue are counted at most once per second and node, so that
 * a long queue does not slow down submissions; nodes that share the database may exceed the limit by what they accept in
 * that second.
 */
@Injectable()
export class TeamLimits {
  private readonly loads = new LRUCache<string, QueueLoad>({ max: TEAMS_KEPT });
  private readonly counts = new Map<string, Promise<QueueLoad>>();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
  ) {}

  /**
   * Admits a task to the queue of its team.
   *
   * @param bytes size of its parameters.
   * @throws {HttpException} 403 when they can never be admitted, 429 when they can once other tasks have begun.
   */
  async admit(teamId: string, bytes: number): Promise<void> {
    const { teamParametersBytes } = this.config;
    if (bytes > teamParametersBytes)
      throw new ForbiddenException(
        `The parameters have ${bytes} bytes, and those of all waiting tasks of a team may have ${teamParametersBytes} (CYBERUN_TEAM_PARAMETERS_BYTES). Send large data as a file.`,
      );
    let load = await this.loadOf(teamId, COUNT_MS);
    if (this.reasonAgainst(load, bytes) !== undefined) load = await this.loadOf(teamId, FULL_COUNT_MS);
    const reason = this.reasonAgainst(load, bytes);
    if (reason !== undefined)
      throw new HttpException(
        { message: reason, retry_after_seconds: RETRY_AFTER_SECONDS },
        HttpStatus.TOO_MANY_REQUESTS,
      );
    load.tasks += 1;
    load.bytes += bytes;
  }

  /**
   * Calls `take` with how many of `wanted` runs of a team may begin; with a limit, no other node takes runs of the team
   * meanwhile.
   */
  async withRoomToRun<Taken>(
    teamId: string,
    wanted: number,
    take: (db: Db, room: number) => Promise<Taken>,
  ): Promise<{ readonly taken: Taken; readonly room: number }> {
    const { teamTasksRunning } = this.config;
    if (teamTasksRunning === undefined) return { taken: await take(this.database.db, wanted), room: wanted };
    return this.database.db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(hashtext(${`running ${teamId}`}))`.execute(tx);
      const { held } = await tx
        .selectFrom('task')
        .select(({ fn }) => fn.countAll<string>().as('held'))
        .where('team_id', '=', teamId)
        .where('task_status', 'in', HELD_STATES)
        .executeTakeFirstOrThrow();
      const room = Math.min(wanted, Math.max(0, teamTasksRunning - Number(held)));
      return { taken: await take(tx, room), room };
    });
  }

  private reasonAgainst({ tasks, bytes }: QueueLoad, more: number): string | undefined {
    const { teamTasksQueued, teamParametersBytes } = this.config;
    if (tasks >= teamTasksQueued)
      return `${teamTasksQueued} tasks of this team wait for an agent, which is the limit (CYBERUN_TEAM_TASKS_QUEUED). Submit again when some have begun, or cancel some.`;
    if (bytes + more > teamParametersBytes)
      return `The parameters of the waiting tasks of this team would have more than ${teamParametersBytes} bytes together (CYBERUN_TEAM_PARAMETERS_BYTES). Submit again when some tasks have begun.`;
    return undefined;
  }

  private async loadOf(teamId: string, maxAgeMs: number): Promise<QueueLoad> {
    const known = this.loads.get(teamId);
    if (known && performance.now() - known.at < maxAgeMs) return known;
    const counting = this.counts.get(teamId) ?? this.count(teamId).finally(() => this.counts.delete(teamId));
    this.counts.set(teamId, counting);
    return counting;
  }

  private async count(teamId: string): Promise<QueueLoad> {
    const at = performance.now();
    const { tasks, bytes } = await this.database.db
      .selectFrom((query) =>
        query
          .selectFrom('task')
          .select('parameters_bytes')
          .where('team_id', '=', teamId)
          .where('task_status', 'in', ['pending', 'waiting'])
          .limit(this.config.teamTasksQueued)
          .as('queued'),
      )
      .select(({ fn }) => fn.countAll<string>().as('tasks'))
      .select(sql<string>`coalesce(sum(parameters_bytes), 0)`.as('bytes'))
      .executeTakeFirstOrThrow();
    const load = { tasks: Number(tasks), bytes: Number(bytes), at };
    this.loads.set(teamId, load);
    return load;
  }
}
