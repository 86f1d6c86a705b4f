import { sql } from 'kysely';

import type { Db, Tx } from '../database/index.js';

/** A table of the runtime whose rows are moved. */
export interface MovedTable {
  readonly name: string;
  /** Names and types. */
  readonly columns: readonly (readonly [name: string, type: string])[];
}

/** A row: each value as PostgreSQL writes it as text, in the order of the columns. */
export type TextRow = readonly (string | null)[];

/** Rows of one batch at most, and about how many bytes they have in the database. */
const BATCH_ROWS = 1000;
const BATCH_BYTES = 1024 * 1024;

const NODES = 'runtime_node';

/** All tables, except those of the migrations and those about running nodes; each after those that it refers to. */
export async function movedTables(db: Db): Promise<MovedTable[]> {
  const { rows: columns } = await sql<{ table: string; column: string; type: string }>`
    select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
      and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and c.relname not like 'kysely\\_%'
    order by c.relname, a.attnum`.execute(db);
  const { rows: references } = await sql<{ child: string; parent: string }>`
    select child.relname as child, parent.relname as parent
    from pg_constraint k join pg_class child on child.oid = k.conrelid join pg_class parent on parent.oid = k.confrelid
    where k.contype = 'f' and k.connamespace = current_schema()::regnamespace`.execute(db);
  const ofNodes = new Set([
    NODES,
    ...references.filter(({ parent }) => parent === NODES).map(({ child }) => child),
  ]);
  const names = [...new Set(columns.map(({ table }) => table))].filter((name) => !ofNodes.has(name));
  return inOrder(names, references).map((name) => ({
    name,
    columns: columns.filter(({ table }) => table === name).map(({ column, type }) => [column, type] as const),
  }));
}

function inOrder(
  names: readonly string[],
  references: readonly { child: string; parent: string }[],
): string[] {
  const ordered: string[] = [];
  const add = (name: string): void => {
    if (ordered.includes(name)) return;
    for (const { child, parent } of references) if (child === name && parent !== name) add(parent);
    ordered.push(name);
  };
  for (const name of names) add(name);
  return ordered;
}

export async function countRows(db: Db, { name }: Pick<MovedTable, 'name'>): Promise<number> {
  const { rows } = await sql<{
    count: string;
  }>`select count(*)::text as count from ${sql.table(name)}`.execute(db);
  return Number(rows[0]?.count);
}

/** All rows, in batches that do not depend on the size of the table. */
export async function* readRows(tx: Tx, { name, columns }: MovedTable): AsyncGenerator<TextRow[]> {
  const sizes = columns.map(([column]) => sql`coalesce(pg_column_size(${sql.id(column)}), 0)`);
  await sql`declare moved cursor for select ctid::text as place, ${sql.join(sizes, sql` + `)} as bytes
    from ${sql.table(name)}`.execute(tx);
  for (;;) {
    const { rows } = await sql<{
      place: string;
      bytes: number;
    }>`fetch ${sql.lit(BATCH_ROWS)} from moved`.execute(tx);
    if (rows.length === 0) break;
    for (const places of inBatches(rows)) yield await rowsAt(tx, { name, columns }, places);
  }
  await sql`close moved`.execute(tx);
}

function inBatches(rows: readonly { place: string; bytes: number }[]): string[][] {
  const batches: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    if (bytes + row.bytes > BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    bytes += row.bytes;
    batches.at(-1)?.push(row.place);
  }
  return batches;
}

async function rowsAt(tx: Tx, { name, columns }: MovedTable, places: readonly string[]): Promise<TextRow[]> {
  const texts = columns.map(([column]) => sql`${sql.id(column)}::text as ${sql.id(column)}`);
  const { rows } = await sql<Record<string, string | null>>`select ${sql.join(texts)} from ${sql.table(name)}
    where ctid = any (${[...places]}::text[]::tid[])`.execute(tx);
  return rows.map((row) => columns.map(([column]) => row[column] ?? null));
}

/** Inserts rows; returns their number. */
export async function writeRows(
  tx: Tx,
  { name, columns }: MovedTable,
  rows: readonly TextRow[],
): Promise<number> {
  const values = columns.map((_column, index) => rows.map((row) => row[index] ?? null));
  const names = columns.map(([column]) => sql.id(column));
  const casts = columns.map(([column, type]) => sql`${sql.id('row', column)}::${sql.raw(type)}`);
  const { numAffectedRows } = await sql`insert into ${sql.table(name)} (${sql.join(names)})
    select ${sql.join(casts)} from unnest(${sql.join(values.map((list) => sql`${list}::text[]`))})
      as "row"(${sql.join(names)})`.execute(tx);
  return Number(numAffectedRows ?? 0);
}

/** Makes the texts of values the same on every server. */
export async function writeValuesAlike(tx: Tx): Promise<void> {
  for (const setting of [
    `timezone = 'UTC'`,
    `datestyle = 'ISO'`,
    `bytea_output = 'hex'`,
    'extra_float_digits = 1',
  ])
    await sql.raw(`set local ${setting}`).execute(tx);
}
