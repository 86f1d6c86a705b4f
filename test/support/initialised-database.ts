import { cpSync, existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';

import { packagePaths } from '../../src/config/index.js';

const modules = join(packagePaths.root, 'node_modules');
const { version } = JSON.parse(readFileSync(join(modules, '@electric-sql/pglite/package.json'), 'utf8')) as {
  version: string;
};

/** An empty database of this version, made once per machine: initdb takes seconds, and every server would pay. */
const TEMPLATE = join(modules, '.cache', 'cyberun-mcp', `database-${version}`);

/** Vitest's global setup: makes the template before any worker wants it. */
export async function setup(): Promise<void> {
  if (existsSync(TEMPLATE)) return;
  const draft = `${TEMPLATE}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  await (await PGlite.create(draft)).close();
  await rename(draft, TEMPLATE).catch(() => rm(draft, { recursive: true }));
}

/** Spares a server the initialisation of its database. What a first start is like, first-minute.e2e-spec.ts shows. */
export function initialiseDatabase(dataDir: string): void {
  const database = join(dataDir, 'database');
  // A thousand small files take `cp` twice as long.
  if (!existsSync(database)) cpSync(TEMPLATE, database, { recursive: true });
}
