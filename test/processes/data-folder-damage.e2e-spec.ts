import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packageVersion } from '../../src/config/index.js';
import { EmbeddedDatabase } from '../../src/runtime/database/embedded-database.js';
import { outcome, temporaryFolder } from '../support/command-line.js';
import { initialiseDatabase } from '../support/initialised-database.js';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let whole: string;
beforeAll(async () => {
  home = await temporaryFolder();
  whole = join(home.path, 'whole');
  initialiseDatabase(whole);
});
afterAll(() => home[Symbol.asyncDispose]());

/** A copy of a good data folder to which this was done. */
async function damaged(damage: (dataDir: string) => Promise<unknown>): Promise<string> {
  const dataDir = join(home.path, 'data');
  await rm(dataDir, { recursive: true, force: true });
  await cp(whole, dataDir, { recursive: true });
  await damage(dataDir);
  return dataDir;
}

/** What a process says that is to use it. */
async function keysAfter(damage: (dataDir: string) => Promise<unknown>) {
  const dataDir = await damaged(damage);
  const { code, stderr } = await outcome(['keys', 'list'], { CYBERUN_DATA_DIR: dataDir });
  return { code, stderr: stderr.replace(dataDir, 'DATA') };
}

const sentence = (reason: string, dataDir = 'DATA'): string =>
  `The database ${dataDir}/database cannot be opened (${reason}). If the disk is full, free some space; otherwise put the folder back from a backup, or move it away to begin with an empty one.`;

it('a database without its PG_VERSION stops the start with one sentence', async () => {
  const { code, stderr } = await keysAfter((data) => rm(join(data, 'database/PG_VERSION')));
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `cyberun-mcp: ${sentence('PG_VERSION is missing')}\n`,
  });
});

it.each([['base'], ['global'], ['global/pg_control'], ['pg_wal'], ['pg_xact']])(
  'a database without %s stops the start with one sentence and is not changed',
  async (name) => {
    const data = await damaged((folder) => rm(join(folder, 'database', name), { recursive: true }));
    const before = await readdir(join(data, 'database'));
    await expect(EmbeddedDatabase.open(data)).rejects.toThrow(sentence(`${name} is missing`, data));
    expect(await readdir(join(data, 'database'))).toEqual(before);
  },
);

it('a database of one file stops the start with one sentence', async () => {
  const data = await damaged(async (folder) => {
    await rm(join(folder, 'database'), { recursive: true });
    await mkdir(join(folder, 'database'));
    await writeFile(join(folder, 'database', 'postgresql.conf'), '');
  });
  await expect(EmbeddedDatabase.open(data)).rejects.toThrow(sentence('PG_VERSION is missing', data));
});

it('a damaged file of the database stops the start with one sentence', async () => {
  const { code, stderr } = await keysAfter((data) =>
    writeFile(join(data, 'database/global/pg_control'), 'x'),
  );
  expect(code).toBe(1);
  expect(stderr).toMatch(/^cyberun-mcp: The database DATA\/database cannot be opened \([^\n]+\n$/);
});

it('a database of a newer version stops the start with one sentence', async () => {
  const data = await damaged(() => Promise.resolve());
  const database = await EmbeddedDatabase.open(data);
  await database.driver.pglite.query(
    "insert into kysely_migration values ('9999-later', '2030-01-01T00:00:00.000Z')",
  );
  await database.close();
  await expect(EmbeddedDatabase.open(data)).rejects.toThrow(
    `The database ${data}/database was written by a newer version of cyberun-mcp than ${packageVersion}. Start that version, or set CYBERUN_DATA_DIR to another folder.`,
  );
});

it('a damaged lock stops the start with one sentence', async () => {
  const { code, stderr } = await keysAfter((data) =>
    writeFile(join(data, 'lock'), '{"isReleased":false}'.repeat(99)),
  );
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr:
      'cyberun-mcp: The lock DATA/lock is damaged. Make sure that no server uses the folder, delete the file, and start again.\n',
  });
});
