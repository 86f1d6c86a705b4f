import { createHash } from 'node:crypto';
import { cpSync, existsSync, globSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';

const modules = join(packagePaths.root, 'node_modules');

/** What makes the tables: the database, the queue and the migrations. */
const SOURCES = [
  join(modules, '@electric-sql/pglite/package.json'),
  join(modules, 'pg-boss/package.json'),
  ...globSync(
    join(packagePaths.root, 'src/runtime/{database/migrate,database/migrations/*,engine/*}.ts'),
  ).sort(),
];
const version = SOURCES.reduce((hash, file) => hash.update(readFileSync(file)), createHash('sha256'))
  .digest('hex')
  .slice(0, 16);

/** A database with empty tables, made once per machine: they take a server two seconds, and every one would pay. */
const TEMPLATE = join(modules, '.cache', 'cyberun-mcp', `database-${version}`);

/** Vitest's global setup: makes the template before any worker wants it. */
export async function setup(): Promise<void> {
  if (existsSync(TEMPLATE)) return;
  // Not for every file that starts a server in a process of its own.
  const { updateTables } = await import('../../src/runtime/index.js');
  const draft = `${TEMPLATE}.${process.pid}`;
  await updateTables({ dataDir: draft });
  await rename(join(draft, 'database'), TEMPLATE).catch(() => undefined);
  await rm(draft, { recursive: true });
}

/** Spares a server the making of its database. What a first start is like, first-minute.e2e-spec.ts shows. */
export function initialiseDatabase(dataDir: string): void {
  const database = join(dataDir, 'database');
  // A thousand small files take `cp` twice as long.
  if (!existsSync(database)) cpSync(TEMPLATE, database, { recursive: true });
}
