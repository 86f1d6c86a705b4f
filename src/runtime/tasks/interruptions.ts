import { Logger } from '@nestjs/common';

import type { Tx } from '../database/index.js';
import type { Claim, Engine } from '../engine/index.js';
import { HELD_STATES, moveTask } from './task-transitions.js';

const logger = new Logger('Tasks');

/** As often may the runs of a task be cut off: one cut so often is most likely what ends its agent every time. */
export const INTERRUPTIONS_LIMIT = 10;

/** Ends a task whose runs were cut off too often. */
export async function giveUpInterrupted(tx: Tx, engine: Engine, claim: Claim): Promise<void> {
  const error = `${INTERRUPTIONS_LIMIT} runs of this task were cut off, because their agent or the server ended; it is not run again. See whether the task itself ends its agent, by the memory it takes for example, and submit it anew.`;
  const { taskId, teamId, attempt } = claim;
  const change = {
    task_status: 'failed' as const,
    completed_at: new Date(),
    task_error: error,
    interrupted_count: INTERRUPTIONS_LIMIT,
  };
  const news = { event: 'failed' as const, data: { status: 'failed', error } };
  await moveTask(tx, { taskId, teamId, attempt, from: HELD_STATES }, change, news);
  await engine.settle(tx, claim, 'done');
  logger.warn(`task ${taskId}: failed, since ${INTERRUPTIONS_LIMIT} of its runs were cut off`);
}
