import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { Kysely, PGliteDialect } from 'kysely';
import { create } from 'tar';

import { errorText } from '../../config/index.js';
import { type DatabaseFacts, readDatabaseFacts } from './database-facts.js';
import { checkWhole, damaged } from './database-folder.js';
import type { Schema } from './schema.js';

/** Of the files; a larger database is not opened, since its copy is in memory. */
const COPY_LIMIT_BYTES = 268_435_456;

/** What is known of a database in a data folder that no process uses. */
interface StoppedDatabase {
  /** Major version of PostgreSQL that its files are for. */
  readonly version: string;
  readonly bytes: number;
  /** `undefined` when it is too large to be tried. */
  readonly facts: DatabaseFacts | undefined;
}

/**
 * Looks at the database of a data folder that no process uses: opens a copy of it in memory, since opening the folder itself
 * would write to it. `undefined` when there is none yet.
 *
 * @throws {StartError} when it is damaged or incomplete.
 */
export async function inspectEmbeddedDatabase(dataDir: string): Promise<StoppedDatabase | undefined> {
  const folder = join(dataDir, 'database');
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw damaged(folder, error.message);
    },
  );
  if (names.length === 0) return undefined;
  await checkWhole(folder);
  const files = names.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(({ parentPath, name }) => stat(join(parentPath, name))));
  const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
  const version = (await readFile(join(folder, 'PG_VERSION'), 'utf8')).trim();
  return { version, bytes, facts: bytes > COPY_LIMIT_BYTES ? undefined : await factsOfCopy(folder) };
}

async function factsOfCopy(folder: string): Promise<DatabaseFacts> {
  const { PGlite } = await import('@electric-sql/pglite');
  try {
    const archive = create({ cwd: folder, portable: true }, ['.']);
    // The first error ends the reading; a server that starts meanwhile may remove more files than one.
    archive.on('error', () => undefined);
    const copy = new Blob([Uint8Array.from(await buffer(archive))]);
    await using pglite = await PGlite.create({ loadDataDir: copy });
    return await readDatabaseFacts(new Kysely<Schema>({ dialect: new PGliteDialect({ pglite }) }));
  } catch (error) {
    throw damaged(folder, errorText(error), error);
  }
}
