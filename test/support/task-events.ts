import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';

/** A row of `task_event`. */
export interface EventRow {
  readonly sequence: number;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The events of every task in a data folder that no server holds, in order. */
export async function eventRowsOf(dataDir: string): Promise<Map<string, EventRow[]>> {
  const database = await PGlite.create(join(dataDir, 'database'));
  try {
    const { rows } = await database.query<EventRow & { task_id: string }>(
      'select task_id, sequence, event, data from task_event order by task_id, sequence',
    );
    return Map.groupBy(rows, ({ task_id }) => task_id);
  } finally {
    await database.close();
  }
}
