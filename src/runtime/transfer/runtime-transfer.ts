import type { Readable } from 'node:stream';
import { resolve } from 'node:path';

import { type Config, StartError } from '../../config/index.js';
import { type Database, isDataDir, openCommandDatabase, openDatabase } from '../database/index.js';
import { ALIVE_SINCE } from '../nodes/index.js';
import { exportRuntime, type RunningExport } from './runtime-export.js';
import { type FilePlace, importRuntime, type ImportResult } from './runtime-import.js';

/** What is done with files: those of the data folder are moved, those of an object store stay in its bucket. */
interface TransferOptions {
  readonly withFiles: boolean;
}

/** A runtime that no server uses at the moment, for the commands export and import. */
export interface RuntimeTransfer extends AsyncDisposable {
  /** Whether files are kept in an object store. */
  readonly usesBucket: boolean;
  export(options: TransferOptions): RunningExport;
  import(source: Readable, options: TransferOptions): Promise<ImportResult>;
}

/**
 * Opens the database of the settings, and locks the data folder when files are kept there.
 *
 * @throws {StartError} when servers use it.
 */
export async function openTransfer(config: Config, purpose: 'export' | 'import'): Promise<RuntimeTransfer> {
  const { databaseUrl, dataDir, s3Endpoint } = config;
  const usesBucket = s3Endpoint !== undefined;
  if (purpose === 'export' && databaseUrl === undefined && !(await isDataDir(dataDir)))
    throw new StartError(
      `No runtime keeps its data in ${resolve(dataDir)}, so there is nothing to export. Run this in the folder the server is started in, or set CYBERUN_DATA_DIR to its data folder, or CYBERUN_DATABASE_URL.`,
    );
  const database = await (usesBucket ? openCommandDatabase(config) : openDatabase(config));
  try {
    await refuseLiveNodes(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  const placeOf = ({ withFiles }: TransferOptions): FilePlace => {
    if (usesBucket) return 'bucket';
    return withFiles ? { dataDir: resolve(dataDir) } : 'nowhere';
  };
  return {
    usesBucket,
    export: ({ withFiles }) =>
      exportRuntime({ database, dataDir: withFiles && !usesBucket ? resolve(dataDir) : undefined }),
    import: (source, options) => importRuntime(source, { database, files: placeOf(options) }),
    [Symbol.asyncDispose]: () => database.close(),
  };
}

/** The lock of a data folder excludes servers; those on a database server are found by their rows. */
async function refuseLiveNodes({ db, driver }: Database): Promise<void> {
  if ('pglite' in driver) return;
  const alive = await db
    .selectFrom('runtime_node')
    .select('url')
    .where('url', '!=', '')
    .where('seen_at', '>', ALIVE_SINCE)
    .execute();
  if (alive.length === 0) return;
  throw new StartError(
    `${alive.length} server(s) use the database of CYBERUN_DATABASE_URL: ${alive.map(({ url }) => url).join(', ')}. Stop them first, since what they do meanwhile would be missing; one that was killed counts as gone after 10 seconds.`,
  );
}
