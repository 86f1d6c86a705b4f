import type { Database } from './database.js';

/** A secret of all nodes that share a database: the one that the first of them proposed. */
export async function sharedSecret({ db }: Database, name: string, proposed: string): Promise<string> {
  await db
    .insertInto('shared_secret')
    .values({ secret_name: name, secret_value: proposed })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { secret_value } = await db
    .selectFrom('shared_secret')
    .select('secret_value')
    .where('secret_name', '=', name)
    .executeTakeFirstOrThrow();
  return secret_value;
}
