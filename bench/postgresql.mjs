import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Client } from 'pg';

import { freePort } from '../scripts/free-port.mjs';

const VERSIONS = '/usr/lib/postgresql';
const START_LIMIT_MS = 30_000;

/** A PostgreSQL of its own with default settings; `url` names an empty database. Ended by `stop`. */
export async function startPostgresql() {
  const [newest] = readdirSync(VERSIONS)
    .map(Number)
    .sort((one, other) => other - one);
  const program = (name) => join(VERSIONS, String(newest), 'bin', name);
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-bench-postgresql-'));
  // PostgreSQL does not run as root.
  const user = process.getuid() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  execFileSync(
    program('initdb'),
    ['-D', data, '--auth=trust', '--username=postgres', '--encoding=UTF8'],
    user,
  );
  const port = await freePort();
  // Counts statements, for the cost of many agents.
  const counting = ['-c', 'shared_preload_libraries=pg_stat_statements'];
  const flags = ['-c', `port=${port}`, '-c', `unix_socket_directories=${folder}`, ...counting];
  const child = spawn(program('postgres'), ['-D', data, ...flags], { ...user, stdio: 'ignore' });
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  await answers(url);
  let databases = 0;
  return {
    url,
    /** The URL of a new, empty database. */
    newDatabase: async () => {
      const name = `bench_${++databases}`;
      await execute(url, `create database ${name}`);
      const made = url.replace(/postgres$/, name);
      await execute(made, 'create extension pg_stat_statements');
      return made;
    },
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGINT');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function execute(url, text) {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(text);
  await client.end();
}

async function answers(url) {
  const end = performance.now() + START_LIMIT_MS;
  for (;;) {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (performance.now() > end) throw error;
      await delay(100);
    }
  }
}

const idOf = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
