import type { Db } from './schema.js';
import { uuidV7 } from './uuid-v7.js';

const DEFAULT_SLUG = 'default';

/** Id of the team that everything made without naming a team belongs to; makes the team when it is missing. */
export async function defaultTeamId(db: Db): Promise<string> {
  await db
    .insertInto('team')
    .values({ id: uuidV7(), team_slug: DEFAULT_SLUG })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { id } = await db
    .selectFrom('team')
    .select('id')
    .where('team_slug', '=', DEFAULT_SLUG)
    .executeTakeFirstOrThrow();
  return id;
}
