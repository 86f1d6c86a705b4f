import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

import type { LogStream } from '../../contract/index.js';
import { Database } from '../database/index.js';

/** Chunks that are read at once. */
const BATCH = 32;

/** A place in the log of a task: behind this line of this run. */
export interface LogPlace {
  readonly attempt: number;
  readonly line: number;
}
export const BEGINNING: LogPlace = { attempt: 0, line: 0 };

export interface LogFilter {
  readonly stream?: LogStream | undefined;
  readonly attempt?: number | undefined;
  /** Text in the line; case is ignored. */
  readonly contains?: string | undefined;
}

/** A line of the log of a task. */
export interface LogLine extends LogPlace {
  readonly step: string;
  readonly stream: LogStream;
  readonly time: Date;
  readonly text: string;
}

export interface LoggedTask {
  readonly teamId: string;
  readonly taskId: string;
}

/** Lines that were read, and the place behind what was read, which may be behind lines that the filter leaves out. */
export interface LogPart {
  readonly lines: readonly LogLine[];
  readonly place: LogPlace;
}

type ChunkRow = Awaited<ReturnType<LogReader['chunksAfter']>>[number];

/** Reads the logs of tasks. */
@Injectable()
export class LogReader {
  constructor(private readonly database: Database) {}

  /** What follows a place, part by part, up to the present end. */
  async *after(task: LoggedTask, place: LogPlace, filter: LogFilter): AsyncGenerator<LogPart> {
    for (let behind = place; ;) {
      const rows = await this.chunksAfter(task, behind, filter);
      const [first] = rows;
      if (first === undefined) return;
      const lines = rows.flatMap(linesOf);
      const before = behind;
      behind = lines.at(-1) ?? behind;
      yield { lines: lines.filter((line) => isBehind(line, before) && matches(line, filter)), place: behind };
      if (rows.length < BATCH) return;
    }
  }

  /** The last lines of the log that match, at most so many and so many characters. */
  async last(
    task: LoggedTask,
    filter: LogFilter,
    most: { lines: number; characters: number },
  ): Promise<LogPart> {
    const found: LogLine[] = [];
    let place: LogPlace | undefined;
    let { characters } = most;
    for await (const line of this.backwards(task, filter)) {
      place ??= line;
      if (!matches(line, filter)) continue;
      characters -= line.text.length + 1;
      if (found.length === most.lines || (characters < 0 && found.length > 0)) break;
      found.push(line);
    }
    return { lines: found.toReversed(), place: place ?? BEGINNING };
  }

  private async *backwards(task: LoggedTask, filter: LogFilter): AsyncGenerator<LogLine> {
    for (let before: LogPlace | undefined; ;) {
      const rows = await this.chunksBefore(task, before, filter);
      for (const row of rows) yield* linesOf(row).toReversed();
      before = rows.at(-1);
      if (rows.length < BATCH) return;
    }
  }

  private chunksAfter(task: LoggedTask, { attempt, line }: LogPlace, filter: LogFilter) {
    // The place may be within a chunk.
    const begin = sql<number>`coalesce((
      select max(line) from task_log_chunk as begun
      where begun.task_id = ${task.taskId} and begun.attempt = ${attempt}::integer and begun.line <= ${line}::bigint
    ), ${line}::bigint)`;
    return this.chunks(task, filter)
      .where(sql<boolean>`(attempt, line) >= (${attempt}::integer, ${begin})`)
      .orderBy('attempt')
      .orderBy('line')
      .execute();
  }

  private chunksBefore(task: LoggedTask, before: LogPlace | undefined, filter: LogFilter) {
    return this.chunks(task, filter)
      .$if(before !== undefined, (query) =>
        query.where(sql<boolean>`(attempt, line) < (${before?.attempt}::integer, ${before?.line}::bigint)`),
      )
      .orderBy('attempt', 'desc')
      .orderBy('line', 'desc')
      .execute();
  }

  private chunks({ teamId, taskId }: LoggedTask, { stream, attempt }: LogFilter) {
    return this.database.db
      .selectFrom('task_log_chunk')
      .select(['attempt', 'line', 'step', 'stream', 'written_at', 'text'])
      .where('team_id', '=', teamId)
      .where('task_id', '=', taskId)
      .$if(stream !== undefined, (query) => query.where('stream', '=', stream ?? 'system'))
      .$if(attempt !== undefined, (query) => query.where('attempt', '=', attempt ?? 0))
      .limit(BATCH);
  }
}

const linesOf = ({ attempt, line, step, stream, written_at: time, text }: ChunkRow): LogLine[] =>
  text.split('\n').map((one, index) => ({ attempt, line: line + index, step, stream, time, text: one }));

const isBehind = ({ attempt, line }: LogPlace, place: LogPlace): boolean =>
  attempt > place.attempt || (attempt === place.attempt && line > place.line);

const matches = ({ text }: LogLine, { contains }: LogFilter): boolean =>
  contains === undefined || text.toLowerCase().includes(contains.toLowerCase());
