import type { Tx } from '../database/index.js';
import type { Claim } from '../engine/index.js';
import type { StoredOutput } from './claimed-run.js';

/** Rows of one statement, which takes a bounded number of parameters. */
const BATCH = 500;

/** Text as PostgreSQL holds it: without U+0000 and halves of characters, though a process may print anything. */
export const storable = (text: string): string => text.replaceAll('\u0000', '\uFFFD').toWellFormed();

export async function writeFiles(
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
  for (let start = 0; start < rows.length; start += BATCH) {
    await tx
      .insertInto('task_file')
      .values(rows.slice(start, start + BATCH))
      .execute();
  }
}

/** Keeps what a run wrote, in place of what an earlier run of the task wrote. */
export async function writeLog(tx: Tx, { taskId, teamId }: Claim, text: string | undefined): Promise<void> {
  if (text === undefined) return;
  const log = storable(text);
  await tx
    .insertInto('task_log')
    .values({ task_id: taskId, team_id: teamId, log })
    .onConflict((conflict) => conflict.column('task_id').doUpdateSet({ log }))
    .execute();
}
