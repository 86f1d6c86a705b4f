import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import { sql } from 'kysely';

import { packageVersion, StartError } from '../../config/index.js';
import type { Database, Db, Tx } from '../database/index.js';
import { Engine } from '../engine/index.js';
import { parseFileKey } from '../files/index.js';
import { type ExportCounts, type Manifest, parseEnd, parseManifest, PATHS } from './export-format.js';
import {
  countRows,
  type MovedTable,
  movedTables,
  type TextRow,
  writeRows,
  writeValuesAlike,
} from './moved-tables.js';
import { enqueueOpenTasks, releaseHeldTasks } from './open-tasks.js';
import { migrationsOf } from './runtime-export.js';
import { readTar, type TarEntry, TarError } from './tar-stream.js';

/** Where the files of an export go: into a data folder; nowhere, since a bucket has them; or nowhere at all. */
export type FilePlace = { readonly dataDir: string } | 'bucket' | 'nowhere';

/** Where an export goes. */
export interface ImportTarget {
  readonly database: Database;
  readonly files: FilePlace;
}

const folderOf = ({ files }: ImportTarget): string | undefined =>
  typeof files === 'object' ? files.dataDir : undefined;

export interface ImportResult {
  readonly exported: ExportCounts;
  readonly imported: ExportCounts;
  /** Tasks that were with an agent, and are run again. */
  readonly released: number;
}

/**
 * Puts an export into an empty database: everything, or nothing after an error.
 *
 * @throws {StartError} when the database is not empty, or the export is damaged or of another version.
 */
export async function importRuntime(source: Readable, target: ImportTarget): Promise<ImportResult> {
  const dataDir = folderOf(target);
  await checkEmpty(target.database.db);
  await checkFolder(dataDir);
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  const entries = readTar(source.pipe(gunzip));
  const work = new Import(target);
  try {
    return await work.read(entries);
  } catch (error) {
    if (!work.isCommitted) await removeFiles(dataDir);
    throw isDamage(error) ? damaged((error as Error).message) : error;
  } finally {
    source.destroy();
  }
}

class Import {
  isCommitted = false;
  private readonly imported: ExportCounts = { rows: {}, files: 0, file_bytes: 0 };
  private readonly engine: Engine;

  constructor(private readonly target: ImportTarget) {
    this.engine = new Engine(target.database);
  }

  async read(entries: AsyncGenerator<TarEntry>): Promise<ImportResult> {
    const { db } = this.target.database;
    const first = await entries.next();
    const isManifest = !first.done && first.value.path === PATHS.manifest;
    const manifest = isManifest ? parseManifest(await text(first.value.body())) : undefined;
    if (!manifest) throw damaged('it does not begin with a manifest that this version understands');
    await this.checkTables(manifest);
    await this.engine.start();
    try {
      for (const { team_id: teamId, labels } of manifest.queues)
        await this.engine.prepare({ teamId, labels });
      const result = await db.transaction().execute((tx) => this.readIn(tx, entries, manifest));
      this.isCommitted = true;
      // PGlite never makes statistics by itself, and PostgreSQL only after a minute.
      for (const { name } of manifest.tables) await sql`analyze ${sql.table(name)}`.execute(db);
      return result;
    } finally {
      await this.engine.stop();
    }
  }

  private async checkTables({ migrations, version }: Manifest): Promise<void> {
    const { db } = this.target.database;
    const ours = await migrationsOf(db);
    if (migrations.join() !== ours.join())
      throw new StartError(
        `The export was made by version ${version} of cyberun-mcp, whose tables differ from those of this version, ${packageVersion}. Export again with this version, whose first command brings the tables up to date.`,
      );
  }

  private async readIn(
    tx: Tx,
    entries: AsyncGenerator<TarEntry>,
    { tables }: Manifest,
  ): Promise<ImportResult> {
    await writeValuesAlike(tx);
    await tx.deleteFrom('team').execute();
    for (const { name } of tables) {
      this.imported.rows[name] = 0;
      // Notifications of a whole history would fill the memory of the database, and no client waits for them.
      await sql`alter table ${sql.table(name)} disable trigger user`.execute(tx);
    }
    const exported = await this.readEntries(tx, entries, tables);
    for (const table of tables) this.imported.rows[table.name] = await countRows(tx, table);
    this.compare(exported);
    await this.adaptFiles(tx);
    const released = await releaseHeldTasks(tx);
    await enqueueOpenTasks(tx, this.engine);
    for (const { name } of tables) await sql`alter table ${sql.table(name)} enable trigger user`.execute(tx);
    return { exported, imported: this.imported, released };
  }

  private async readEntries(
    tx: Tx,
    entries: AsyncGenerator<TarEntry>,
    tables: readonly MovedTable[],
  ): Promise<ExportCounts> {
    for await (const entry of entries) {
      const { path } = entry;
      if (path === PATHS.end) {
        const end = parseEnd(await text(entry.body()));
        if (end) return end;
      } else if (path.startsWith(PATHS.tables)) await this.readRows(tx, entry, tables);
      else if (path === PATHS.secret) await this.readSecret(entry);
      else if (path.startsWith(PATHS.files)) await this.readFile(entry);
      else throw damaged(`it has an unknown part, ${path}`);
    }
    throw damaged('its end is missing');
  }

  private async readRows(tx: Tx, entry: TarEntry, tables: readonly MovedTable[]): Promise<void> {
    const name = entry.path.slice(PATHS.tables.length).split('/')[0];
    const table = tables.find((one) => one.name === name);
    if (!table) throw damaged(`it has rows of an unknown table, ${name}`);
    const lines = (await text(entry.body())).trimEnd().split('\n');
    await writeRows(
      tx,
      table,
      lines.map((line) => JSON.parse(line) as TextRow),
    );
  }

  private async readSecret(entry: TarEntry): Promise<void> {
    const dataDir = folderOf(this.target);
    if (dataDir === undefined) return;
    await writeFile(join(dataDir, PATHS.secret), await buffer(entry.body()), { mode: 0o600, flag: 'wx' });
  }

  private async readFile(entry: TarEntry): Promise<void> {
    const { path, size, mtime = new Date() } = entry;
    const dataDir = folderOf(this.target);
    const key = path.slice(PATHS.files.length);
    if (!parseFileKey(key)) throw damaged(`${path} is not the key of a file`);
    this.imported.files += 1;
    this.imported.file_bytes += size;
    if (dataDir === undefined) return;
    const place = join(dataDir, 'files', key);
    await mkdir(dirname(place), { recursive: true, mode: 0o700 });
    await pipeline(entry.body(), createWriteStream(place, { flags: 'wx', mode: 0o600, flush: true }));
    // Files are kept for a time after they were stored.
    await utimes(place, mtime, mtime);
  }

  /** The rows of files that were left out say so. */
  private async adaptFiles(tx: Tx): Promise<void> {
    const { files } = this.target;
    if (files === 'bucket') await tx.updateTable('stored_file').set({ folder_id: null }).execute();
    if (files === 'nowhere') await tx.deleteFrom('stored_file').execute();
  }

  private compare(exported: ExportCounts): void {
    const { rows, files, file_bytes } = this.imported;
    const tables = new Set([...Object.keys(rows), ...Object.keys(exported.rows)]);
    const different = [...tables].filter((name) => rows[name] !== exported.rows[name]);
    if (files !== exported.files || file_bytes !== exported.file_bytes) different.push('files');
    if (different.length > 0)
      throw damaged(`the counts of ${different.join(', ')} differ from those exported`);
  }
}

async function checkEmpty(db: Db): Promise<void> {
  for (const table of await movedTables(db)) {
    const rows = await countRows(db, table);
    // Every database has the default team.
    if (rows > (table.name === 'team' ? 1 : 0))
      throw new StartError(
        `The database is not empty: its table ${table.name} has ${rows} rows. Import into a new database, or a new data folder.`,
      );
  }
}

async function checkFolder(dataDir: string | undefined): Promise<void> {
  if (dataDir === undefined) return;
  const names = await readdir(dataDir).catch(() => []);
  const found = names.find((name) => name === PATHS.secret || name === 'files');
  if (found === undefined) return;
  throw new StartError(
    `${join(dataDir, found)} belongs to a runtime already, and files are imported into a new data folder. Set CYBERUN_DATA_DIR to one that is not there yet, or leave the files out with --without-files.`,
  );
}

async function removeFiles(dataDir: string | undefined): Promise<void> {
  if (dataDir === undefined) return;
  for (const name of ['files', PATHS.secret]) await rm(join(dataDir, name), { recursive: true, force: true });
}

const damaged = (reason: string): StartError =>
  new StartError(`The export cannot be imported: ${reason}. Nothing was imported. Export again.`);

/** A file that is not gzip, or cut off. */
const isDamage = (error: unknown): boolean =>
  error instanceof TarError ||
  error instanceof SyntaxError ||
  /^(Z_|ERR_STREAM_PREMATURE_CLOSE)/.test((error as { code?: string }).code ?? '');
