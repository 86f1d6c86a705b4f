// PostgreSQL, Redis and an object store, as a company has them outside its cluster: processes on this machine, at the bridge to the nodes.
import { spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { Client } from 'pg';

import { run, succeeds, until } from './commands.mjs';
import { BRIDGE } from './machine.mjs';

const PORTS = { postgresql: 25432, redis: 26379, s3: 27070 };
const PASSWORD = 'cluster-only';
const ACCESS_KEY = { accessKeyId: 'cluster-access-key', secretAccessKey: 'cluster-secret-access-key' };
const PROGRAMS = '/usr/lib/postgresql';

export const S3_ENDPOINT = `http://${BRIDGE}:${PORTS.s3}`;
export const S3_SECRET = {
  'access-key-id': ACCESS_KEY.accessKeyId,
  'secret-access-key': ACCESS_KEY.secretAccessKey,
};

const urlOf = (database) => `postgresql://postgres:${PASSWORD}@${BRIDGE}:${PORTS.postgresql}/${database}`;
/** Each release has a database of Redis of its own, by this number. */
export const redisUrl = (number) => `redis://${BRIDGE}:${PORTS.redis}/${number}`;

/** Starts what does not answer yet. */
export async function startStores(machine) {
  const folder = join(machine.state, 'stores');
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  await startPostgresql(folder);
  const [redis, s3] = [String(PORTS.redis), `${BRIDGE}:${PORTS.s3}`];
  const server = ['redis-server', '--bind', BRIDGE, '--port', redis, '--dir', folder];
  await start(folder, 'redis', [...server, '--save', '', '--protected-mode', 'no']);
  const versitygw = join(homedir(), 'go/bin/versitygw');
  const files = join(folder, 's3-data');
  mkdirSync(files, { recursive: true });
  const gateway = existsSync(versitygw) ? versitygw : 'versitygw';
  await start(folder, 's3', [gateway, '--quiet', '--port', s3, 'posix', files], {
    env: {
      PATH: process.env.PATH,
      ROOT_ACCESS_KEY: ACCESS_KEY.accessKeyId,
      ROOT_SECRET_KEY: ACCESS_KEY.secretAccessKey,
    },
  });
}

export async function stopStores(machine) {
  const folder = join(machine.state, 'stores');
  for (const name of Object.keys(PORTS)) {
    const pid = runningPid(folder, name);
    // For PostgreSQL this is the fast end, which does not wait for its clients.
    if (pid) process.kill(pid, 'SIGINT');
    await until(`${name} ends`, () => !runningPid(folder, name), { seconds: 30 });
    rmSync(join(folder, `${name}.pid`), { force: true });
  }
}

/** An empty database; its URL. */
export async function newDatabase(name) {
  await query(`drop database if exists ${name} with (force)`);
  await query(`create database ${name}`);
  return urlOf(name);
}

/** An empty bucket. */
export async function newBucket(machine, name) {
  rmSync(join(machine.state, 'stores', 's3-data', name), { recursive: true, force: true });
  const client = new S3Client({
    region: 'us-east-1',
    endpoint: S3_ENDPOINT,
    forcePathStyle: true,
    credentials: ACCESS_KEY,
  });
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
}

async function startPostgresql(folder) {
  const [newest] = existsSync(PROGRAMS)
    ? readdirSync(PROGRAMS)
        .map(Number)
        .sort((a, b) => b - a)
    : [];
  if (newest === undefined)
    throw new Error('PostgreSQL is not installed. apt-get install --yes --no-install-recommends postgresql');
  const bin = join(PROGRAMS, String(newest), 'bin');
  const data = join(folder, 'postgresql-data');
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number(await run('id', [flag, 'postgres']))),
  );
  const asPostgres = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  if (!existsSync(join(data, 'PG_VERSION'))) {
    mkdirSync(data, { recursive: true });
    chownSync(data, uid, gid);
    const password = join(folder, 'password');
    writeFileSync(password, PASSWORD);
    const flags = [
      '--username=postgres',
      `--pwfile=${password}`,
      '--auth=scram-sha-256',
      '--no-sync',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
    ];
    await run('setpriv', [...asPostgres, join(bin, 'initdb'), ...flags, data]);
    writeFileSync(join(data, 'pg_hba.conf'), 'host all all 10.240.0.0/12 scram-sha-256\n');
  }
  const settings = [
    `port=${PORTS.postgresql}`,
    `listen_addresses=${BRIDGE}`,
    'unix_socket_directories=',
    'max_connections=300',
    'fsync=off',
  ];
  const flags = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
  await start(folder, 'postgresql', [join(bin, 'postgres'), ...flags], { uid, gid });
  await until('PostgreSQL answers', () => query('select 1').then(Boolean, () => false), { seconds: 60 });
}

async function query(text) {
  const client = new Client({ connectionString: urlOf('postgres') });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

/** Starts a process that outlasts this one, unless it runs. */
async function start(folder, name, [program, ...args], options = {}) {
  if (runningPid(folder, name)) return;
  const log = openSync(join(folder, `${name}.log`), 'a');
  const child = spawn(program, args, { ...options, cwd: '/', detached: true, stdio: ['ignore', log, log] });
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(new Error(`${program} cannot be started: ${cause.message}`, { cause })),
    );
  });
  child.unref();
  writeFileSync(join(folder, `${name}.pid`), String(child.pid));
  await until(
    `${name} listens`,
    () => succeeds('/bin/bash', ['-c', `: < /dev/tcp/${BRIDGE}/${PORTS[name]}`]),
    { seconds: 60 },
  );
}

/** Its process id, if it still is this program: ids are given again. */
function runningPid(folder, name) {
  const file = join(folder, `${name}.pid`);
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, 'utf8'));
  const line = `/proc/${pid}/cmdline`;
  const isIts = existsSync(line) && readFileSync(line, 'utf8').includes(String(PORTS[name]));
  return isIts ? pid : undefined;
}
