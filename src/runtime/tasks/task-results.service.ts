import { setImmediate as turn } from 'node:timers/promises';

import { Injectable, NotFoundException } from '@nestjs/common';
import { sql } from 'kysely';

import { parseExact, type TaskResult } from '../../contract/index.js';
import { Database, type Tx } from '../database/index.js';
import type { Claim } from '../engine/index.js';
import { FilesService } from '../files/index.js';
import type { StoredOutput } from './claimed-runs.js';

/** Characters of the log in a result; the whole log has its own endpoint. */
const SHOWN_LOG = 4096;
/** Links signed before the event loop continues; each takes part of a millisecond. */
const LINKS_BATCH = 20;
/** Rows per insert statement, which has a limited number of parameters. */
const ROWS_BATCH = 500;

interface Links {
  readonly urls: Record<string, string>;
  readonly expiresAt?: Date;
}

/** Results of tasks: output, files and log; a team sees only its own. */
@Injectable()
export class TaskResultsService {
  constructor(
    private readonly database: Database,
    private readonly files: FilesService,
  ) {}

  /** Output and fresh links to the files; available at any time, with nulls before the end. */
  async result(teamId: string, taskId: string): Promise<TaskResult> {
    const task = await this.find(teamId, taskId);
    const links = await this.linksOf(teamId, taskId, task.completed_at);
    const isCompleted = task.task_status === 'completed';
    return {
      id: taskId,
      task_status: task.task_status,
      task_output: isCompleted && task.task_output !== null ? parseExact(task.task_output) : null,
      download_url: Object.values(links.urls)[0] ?? null,
      download_urls: isCompleted ? links.urls : null,
      expires_at: links.expiresAt?.toISOString() ?? null,
      task_error: task.task_error,
      task_warnings: task.task_warnings,
      task_log: task.log === null ? null : endOf(task.log),
      completed_at: task.completed_at?.toISOString() ?? null,
    };
  }

  /** The stored log of the last run; empty before its end. */
  async log(teamId: string, taskId: string): Promise<string> {
    const task = await this.database.db
      .selectFrom('task')
      .leftJoin('task_log', 'task_log.task_id', 'task.id')
      .select('task_log.log')
      .where('task.team_id', '=', teamId)
      .where('task.id', '=', taskId)
      .executeTakeFirst();
    if (task) return task.log ?? '';
    throw new NotFoundException('resource not found');
  }

  /** Size of the output, without reading it. */
  async outputBytes(teamId: string, taskId: string): Promise<number> {
    const task = await this.database.db
      .selectFrom('task')
      .select(sql<number>`coalesce(octet_length(task_output::text), 0)`.as('bytes'))
      .where('team_id', '=', teamId)
      .where('id', '=', taskId)
      .executeTakeFirst();
    return task?.bytes ?? 0;
  }

  private async find(teamId: string, taskId: string) {
    const task = await this.database.db
      .selectFrom('task')
      .leftJoin('task_log', 'task_log.task_id', 'task.id')
      .select(['task_status', 'task_error', 'task_warnings', 'completed_at', 'task_log.log'])
      // As text: the driver would round large numbers.
      .select(sql<string | null>`task_output::text`.as('task_output'))
      .where('task.team_id', '=', teamId)
      .where('task.id', '=', taskId)
      .executeTakeFirst();
    if (task) return task;
    throw new NotFoundException('resource not found');
  }

  private async linksOf(teamId: string, taskId: string, endedAt: Date | null): Promise<Links> {
    if (endedAt === null || !this.files.areOutputsKept(endedAt)) return { urls: {} };
    const files = await this.database.db
      .selectFrom('task_file')
      .select(['file_name', 'file_key'])
      .where('task_id', '=', taskId)
      .where('team_id', '=', teamId)
      .orderBy('file_name')
      .execute();
    const urls: [name: string, url: string][] = [];
    let expiresAt: Date | undefined;
    for (const [index, { file_name, file_key }] of files.entries()) {
      const link = await this.files.outputLink(file_key);
      expiresAt ??= link.expiresAt;
      urls.push([file_name, link.url]);
      if (index % LINKS_BATCH === LINKS_BATCH - 1) await turn();
    }
    return { urls: Object.fromEntries(urls), ...(expiresAt && { expiresAt }) };
  }
}

function endOf(log: string): string {
  if (log.length <= SHOWN_LOG) return log;
  return `[earlier lines: GET /r/tasks/{id}/log]\n${log.slice(-SHOWN_LOG).toWellFormed()}`;
}

/** Text that PostgreSQL can store: without U+0000 and lone surrogates, which a process may print. */
export const storable = (text: string): string => text.replaceAll('\u0000', '\uFFFD').toWellFormed();

export async function saveOutputFiles(
  tx: Tx,
  { taskId, teamId }: Claim,
  files: readonly StoredOutput[],
): Promise<void> {
  const rows = files.map(({ file, fileKey }) => ({
    task_id: taskId,
    team_id: teamId,
    file_name: file.name,
    file_key: fileKey,
    file_size: file.size,
    content_type: file.content_type,
  }));
  for (let start = 0; start < rows.length; start += ROWS_BATCH) {
    await tx
      .insertInto('task_file')
      .values(rows.slice(start, start + ROWS_BATCH))
      .execute();
  }
}

/** Stores the log of a run, replacing that of an earlier run. */
export async function saveLog(tx: Tx, { taskId, teamId }: Claim, text: string | undefined): Promise<void> {
  if (text === undefined) return;
  const log = storable(text);
  await tx
    .insertInto('task_log')
    .values({ task_id: taskId, team_id: teamId, log })
    .onConflict((conflict) => conflict.column('task_id').doUpdateSet({ log }))
    .execute();
}
