import { createReadStream } from 'node:fs';
import { opendir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { createGzip } from 'node:zlib';
import { Readable } from 'node:stream';

import { sql } from 'kysely';

import type { Database, Db, Tx } from '../database/index.js';
import { parseFileKey } from '../files/index.js';
import { OPEN_STATES } from '../tasks/index.js';
import { type ExportCounts, newManifest, PATHS } from './export-format.js';
import { type MovedTable, movedTables, readRows, writeValuesAlike } from './moved-tables.js';
import { tarEnd, tarEntry } from './tar-stream.js';

/** What is exported. */
export interface ExportSource {
  readonly database: Database;
  /** The data folder whose files are exported; `undefined`: none. */
  readonly dataDir: string | undefined;
}

/** An export in progress. */
export interface RunningExport {
  /** A gzipped tar. */
  readonly stream: Readable;
  /** Complete at the end of the stream. */
  readonly counts: ExportCounts;
}

/** Exports every table and file as of one moment, in parts: memory does not depend on their number. */
export function exportRuntime(source: ExportSource): RunningExport {
  const counts: ExportCounts = { rows: {}, files: 0, file_bytes: 0 };
  const archive = Readable.from(archiveOf(source, counts));
  const stream = createGzip();
  archive.on('error', (error) => stream.destroy(error));
  return { stream: archive.pipe(stream), counts };
}

async function* archiveOf(source: ExportSource, counts: ExportCounts): AsyncGenerator<Uint8Array> {
  const { db } = source.database;
  const transaction = await db
    .startTransaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute();
  try {
    await writeValuesAlike(transaction);
    const tables = await movedTables(transaction);
    const content = { migrations: await migrationsOf(transaction), queues: await queuesOf(transaction) };
    yield* jsonEntry(PATHS.manifest, newManifest({ ...content, tables: tables.map(asListed) }));
    for (const table of tables) yield* rowsOf(transaction, table, counts);
  } finally {
    await transaction.rollback().execute();
  }
  if (source.dataDir !== undefined) yield* filesOf(source.dataDir, counts);
  yield* jsonEntry(PATHS.end, counts);
  yield tarEnd();
}

const asListed = ({ name, columns }: MovedTable) => ({
  name,
  columns: columns.map(([column, type]): [string, string] => [column, type]),
});

export async function migrationsOf(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}

async function queuesOf(tx: Tx): Promise<{ team_id: string; labels: string[] }[]> {
  const rows = await tx
    .selectFrom('task')
    .select(['team_id', 'required_labels as labels'])
    .distinct()
    .where('task_status', 'in', OPEN_STATES)
    .execute();
  return rows;
}

async function* rowsOf(tx: Tx, table: MovedTable, counts: ExportCounts): AsyncGenerator<Uint8Array> {
  counts.rows[table.name] = 0;
  let part = 0;
  for await (const rows of readRows(tx, table)) {
    part += 1;
    counts.rows[table.name] = (counts.rows[table.name] ?? 0) + rows.length;
    const lines = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    yield* tarEntry({ path: `${PATHS.tables}${table.name}/${part}.ndjson`, size: lines.length }, [lines]);
  }
}

async function* filesOf(dataDir: string, counts: ExportCounts): AsyncGenerator<Uint8Array> {
  const secret = await readFile(join(dataDir, 'files-secret')).catch(() => undefined);
  if (secret) yield* tarEntry({ path: PATHS.secret, size: secret.length }, [secret]);
  const folder = join(dataDir, 'files');
  const entries = await opendir(folder, { recursive: true }).catch(() => undefined);
  if (!entries) return;
  for await (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const key = relative(folder, path).split(sep).join('/');
    // Unfinished uploads are left out.
    if (!entry.isFile() || !parseFileKey(key)) continue;
    const { size, mtime } = await stat(path);
    yield* tarEntry({ path: PATHS.files + key, size, mtime }, createReadStream(path));
    counts.files += 1;
    counts.file_bytes += size;
  }
}

async function* jsonEntry(path: string, content: object): AsyncGenerator<Uint8Array> {
  const text = Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`);
  yield* tarEntry({ path, size: text.length }, [text]);
}
