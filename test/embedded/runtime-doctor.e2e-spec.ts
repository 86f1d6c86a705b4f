import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { freePort } from '../support/free-port.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { command } from '../support/in-process-command.js';
import { databaseSettings } from '../support/shared-postgresql.js';

interface Found {
  readonly check: string;
  readonly status: string;
  readonly seen: string;
  readonly remedy?: string;
}

let home: string;
let unrelated: Server;
let unrelatedPort: number;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyberun-doctor-'));
  unrelated = createServer((_request, response) => response.writeHead(404).end('nothing here'));
  unrelated.listen(0, '127.0.0.1');
  await once(unrelated, 'listening');
  unrelatedPort = (unrelated.address() as AddressInfo).port;
});
afterAll(async () => {
  unrelated.close();
  unrelated.closeAllConnections();
  await rm(home, { recursive: true, force: true });
});

/** Settings of this test alone; no login of the machine is looked at. */
const alone = (settings: Record<string, string>): Record<string, string> => ({
  CYBERUN_API_KEY: '',
  CYBERUN_URL: '',
  XDG_CONFIG_HOME: join(home, 'config'),
  ...settings,
});

async function doctor(settings: Record<string, string>, ...args: string[]) {
  const { stdout, stderr, exitCode } = await command(alone(settings), 'doctor', '--json', ...args);
  expect(stderr).toBe('');
  const { findings } = JSON.parse(stdout) as { findings: Found[] };
  const named = (check: string): Found[] => findings.filter((one) => one.check === check);
  const problems = findings.filter(({ status }) => status !== 'ok').map(({ check }) => check);
  return { exitCode, findings, named, problems, text: stdout };
}

it('doctor finds nothing wrong with a server that runs, and says which process has the port and the folder', async () => {
  await using server = await RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') });
  const { port } = new URL(server.origin);
  const { exitCode, problems, named } = await doctor(
    {
      ...(await databaseSettings(server.folder)),
      CYBERUN_HTTP_PORT: port,
      CYBERUN_HTTP_PUBLIC_URL: `http://localhost:${port}/`,
      CYBERUN_DATA_DIR: join(server.folder, 'data'),
      CYBERUN_WORKFLOWS_DIR: server.folder,
      CYBERUN_SERVICES_DIR: join(server.folder, 'no-services'),
      CYBERUN_URL: server.origin,
      CYBERUN_API_KEY: BOOTSTRAP_KEY,
    },
    '--role',
    'runtime',
  );
  expect({ exitCode, problems }).toEqual({ exitCode: 0, problems: [] });
  const process = `process ${globalThis.process.pid}`;
  expect(named('port')[0]?.seen).toBe(
    `Port ${port} on 127.0.0.1 is used by the running server (${process}).`,
  );
  expect(named('data folder')[0]?.seen).toContain(`is used by the running server (${process}).`);
  expect(named('database')[0]?.seen).toMatch(/version \d+\.\d+, \d+ migrations, up to date\.$/);
  expect(named('public URL')[0]?.seen).toContain('leads to a server of cyberun-mcp');
  expect(named('login')[0]?.seen).toContain('accepts the key of CYBERUN_API_KEY; it may read, ');
  expect((await server.get('/r/workflows')).status).toBe(200);
});

it('doctor looks at a set-up before its first start and creates nothing', async () => {
  const folder = await mkdtemp(join(home, 'new-'));
  const settings = {
    CYBERUN_DATA_DIR: join(folder, 'inner', 'data'),
    CYBERUN_HTTP_PORT: String(await freePort()),
  };
  const { exitCode, problems, named } = await doctor(settings, '--role', 'runtime');
  expect({ exitCode, problems }).toEqual({ exitCode: 0, problems: [] });
  expect(named('data folder')[0]?.seen).toBe(
    `${settings.CYBERUN_DATA_DIR} is not there yet; serve makes it in ${folder}.`,
  );
  expect(named('port')[0]?.seen).toBe(`Port ${settings.CYBERUN_HTTP_PORT} on 127.0.0.1 is free.`);
  expect(await readdir(folder)).toEqual([]);
});

it('doctor names who has the port, what is in place of the folder, and who answers at the public URL', async () => {
  const file = join(home, 'file');
  await writeFile(file, '');
  const { exitCode, problems, findings } = await doctor({
    CYBERUN_DATA_DIR: file,
    CYBERUN_HTTP_PORT: String(unrelatedPort),
    CYBERUN_HTTP_PUBLIC_URL: `http://127.0.0.1:${unrelatedPort}`,
    CYBERUN_REDIS_URL: 'redis://user:a-secret@127.0.0.1:9/0',
    CYBERUN_AGENT_CONTAINER_SOCKET: join(home, 'no.sock'),
    CYBERUN_API_KEY: 'sk-of-nothing-at-all-0123456789',
    CYBERUN_URL: `http://127.0.0.1:${unrelatedPort}`,
  });
  expect({ exitCode, problems }).toEqual({
    exitCode: 1,
    problems: ['data folder', 'port', 'redis', 'public URL', 'containers', 'login'],
  });
  const seen = findings.filter(({ status }) => status === 'failed').map((one) => one.seen);
  expect(seen).toEqual([
    `CYBERUN_DATA_DIR is "${file}", but ${file} is not a folder, or leads through a file.`,
    expect.stringMatching(
      `^Port ${unrelatedPort} on 127.0.0.1 is taken by process ${process.pid} \\(.+\\)\\.$`,
    ),
    'CYBERUN_REDIS_URL leads to 127.0.0.1:9, but nothing listens there.',
    `http://127.0.0.1:${unrelatedPort} is answered by another server (status 404).`,
    expect.stringContaining(`The container engine at ${join(home, 'no.sock')} does not answer`),
    expect.stringContaining('answers with something else than the Runtime API of Cyberun (status 404).'),
  ]);
  for (const { status, remedy } of findings) expect(remedy === undefined).toBe(status === 'ok');
  expect(JSON.stringify(findings)).not.toMatch(/a-secret|sk-of-nothing/);
});

it('doctor ends although nothing answers at the database, Redis, the public URL and the server of the login', async () => {
  const silent = createSocketServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { exitCode, findings } = await doctor({
    CYBERUN_DATA_DIR: join(home, 'data'),
    CYBERUN_HTTP_PORT: '0',
    CYBERUN_DATABASE_URL: `postgresql://user:a-secret@${host}/runtime`,
    CYBERUN_REDIS_URL: `redis://${host}/0`,
    CYBERUN_HTTP_PUBLIC_URL: `http://${host}`,
    CYBERUN_AGENT_CONTAINER_SOCKET: 'off',
  });
  silent.close();
  expect(exitCode).toBe(1);
  const problems = findings.filter(({ status }) => status !== 'ok');
  expect(problems.map(({ check, status, seen }) => [check, status, seen])).toEqual([
    ['database', 'failed', `CYBERUN_DATABASE_URL leads to ${host}/runtime, but the server does not answer.`],
    ['redis', 'failed', `CYBERUN_REDIS_URL leads to ${host}, but it does not answer.`],
    ['public URL', 'warning', `http://${host} does not answer: ${host} does not answer in time.`],
  ]);
});

/** A message of PostgreSQL that refuses a password. */
function refusal(): Buffer {
  const fields = Buffer.from('SFATAL\0C28P01\0Mpassword authentication failed for user "user"\0\0');
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

it('doctor says that the database refuses the password, and does not repeat it', async () => {
  const refusing = createSocketServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(refusal()));
  }).listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  const host = `127.0.0.1:${(refusing.address() as AddressInfo).port}`;
  const { exitCode, named, text } = await doctor(
    { CYBERUN_HTTP_PORT: '0', CYBERUN_DATABASE_URL: `postgresql://user:a-secret@${host}/runtime` },
    '--role',
    'runtime',
  );
  refusing.close();
  const reason = 'the server refuses its password';
  expect({ exitCode, found: named('database') }).toEqual({
    exitCode: 1,
    found: [
      {
        check: 'database',
        status: 'failed',
        seen: `CYBERUN_DATABASE_URL leads to ${host}/runtime, but ${reason}.`,
        remedy:
          'Check the server, the user and the database. Example: postgresql://cyberun:secret@postgres.example.com:5432/cyberun',
      },
    ],
  });
  expect(text).not.toContain('a-secret');
});

it('doctor says that a setting is wrong, or unknown, and still looks at what needs no settings', async () => {
  const { exitCode, findings } = await doctor({ CYBERUN_HTTP_PORT: 'http', CYBERUN_HTTP_PROT: '1' });
  expect(exitCode).toBe(1);
  expect(findings.map(({ check, status }) => [check, status])).toEqual([
    ['node', 'ok'],
    ['settings', 'failed'],
    ['settings', 'warning'],
    ['login', 'ok'],
  ]);
  expect(findings[1]?.seen).toMatch(/^CYBERUN_HTTP_PORT is "http", but /);
  expect(findings[1]?.remedy).toBe('Example: 8080');
});

it('doctor warns of a folder that others may open, opens a copy of its database, and shows both as text', async () => {
  const folder = await mkdtemp(join(home, 'stopped-'));
  const data = join(folder, 'data');
  await mkdir(data);
  await (await PGlite.create(join(data, 'database'))).close();
  await chmod(data, 0o755);
  await mkdir(join(folder, 'workflows'));
  await writeFile(join(folder, 'workflows', 'bad.yaml'), 'do: nothing');
  const settings = {
    CYBERUN_DATA_DIR: data,
    CYBERUN_HTTP_PORT: '0',
    CYBERUN_HTTP_HOST: '0.0.0.0',
    CYBERUN_WORKFLOWS_DIR: join(folder, 'workflows'),
  };
  const before = await readdir(data, { recursive: true });
  const { stdout, stderr, exitCode } = await command(alone(settings), 'doctor', '--role', 'runtime');
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: '3 warnings with the settings of serve --role runtime. Nothing was changed.\n',
  });
  expect(stdout).toMatch(
    /^ok {7}database {6}PGlite in the data folder: version \d+\.\d+, without tables; serve makes them\.$/m,
  );
  expect(stdout).toContain(
    `warning  data folder   Other users may open ${data}.\n${' '.repeat(23)}→ A start closes it to them`,
  );
  expect(stdout).toMatch(
    /^warning {2}definitions {3}1 of \d+ are refused; the first: bad\.yaml:1: .+\n {23}→ See all/m,
  );
  expect(stdout).toMatch(
    /^warning {2}public URL {4}Clients use http:\/\/localhost and the port that a server picks, .+\n {23}→ Set/m,
  );
  expect(await readdir(data, { recursive: true })).toEqual(before);
});
