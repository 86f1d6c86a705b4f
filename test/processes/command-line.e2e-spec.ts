import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { expect, it } from 'vitest';

import { outcome, temporaryFolder } from '../support/command-line.js';
import { initialiseDatabase } from '../support/initialised-database.js';

it('one sentence says that the metrics port is in use, or equals the HTTP port', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const port = String((other.address() as { port: number }).port);
  const settings = { CYBERUN_RUNTIME_URL: 'http://127.0.0.1:9/api/v1', CYBERUN_METRICS_PORT: port };
  const taken = await outcome(['serve', '--role', 'mcp'], { ...settings, CYBERUN_HTTP_PORT: '0' });
  const same = await outcome(['serve', '--role', 'mcp'], { ...settings, CYBERUN_HTTP_PORT: port });
  other.close();
  expect([taken.code, same.code]).toEqual([1, 1]);
  expect(taken.stderr).toBe(
    `cyberun-mcp: Port ${port} on 127.0.0.1 is not available for metrics (EADDRINUSE). Choose another with CYBERUN_METRICS_PORT (0 picks a free one), or leave it empty.\n`,
  );
  expect(same.stderr).toBe(
    `cyberun-mcp: CYBERUN_METRICS_PORT is ${port}, which is CYBERUN_HTTP_PORT too. Choose another one. Example: 9464\n`,
  );
});

it('one sentence says that the port is in use', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const dataDir = await mkdtemp(join(tmpdir(), 'cyberun-port-'));
  initialiseDatabase(dataDir);
  const { code, stderr } = await outcome(['serve'], {
    CYBERUN_HTTP_PORT: String(port),
    CYBERUN_DATA_DIR: dataDir,
  });
  other.close();
  await rm(dataDir, { recursive: true, force: true });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `cyberun-mcp: Port ${port} on 127.0.0.1 is taken. Stop what uses it, or choose another with CYBERUN_HTTP_PORT (0 picks a free one).\n`,
  });
});

it('one sentence says which setting is wrong', async () => {
  const { code, stderr } = await outcome(['serve'], { CYBERUN_HTTP_PORT: 'http' });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^cyberun-mcp: CYBERUN_HTTP_PORT is "http", but .* Example: 8080\n$/);
});

it.each([
  ['is a file', 'file', 'file is not a folder'],
  ['leads through a file', 'file/inner/data', 'is not a folder, or leads through a file'],
  ['cannot be made', '/proc/cyberun', 'cannot be made there'],
])('one sentence says that the data folder %s', async (_what, name, reason) => {
  await using home = await temporaryFolder();
  await writeFile(join(home.path, 'file'), '');
  const dataDir = resolve(home.path, name);
  const { code, stderr } = await outcome(['serve'], { CYBERUN_DATA_DIR: dataDir, CYBERUN_HTTP_PORT: '0' });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^cyberun-mcp: CYBERUN_DATA_DIR is "[^\n]+ Example: .cyberun\n$/);
  expect(stderr).toContain(`"${dataDir}"`);
  expect(stderr).toContain(reason);
});

it.each([[['frobnicate']], [['frobnicate', '--role', 'mcp']]])(
  'one sentence says that %j is no command',
  async (args) => {
    const { code, stderr } = await outcome(args, {});
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "error: unknown command 'frobnicate'; see cyberun-mcp --help\n",
    });
  },
);

it('one sentence says that role mcp needs a runtime URL', async () => {
  const { code, stderr } = await outcome(['serve', '--role', 'mcp'], {});
  expect(code).toBe(1);
  expect(stderr).toMatch(/^cyberun-mcp: Role mcp needs CYBERUN_RUNTIME_URL.*\n$/);
});

it('the help says what runs without a command, and where the settings are documented', async () => {
  const { stdout } = await outcome(['--help'], {});
  expect(stdout).toContain('Without a command it serves');
  expect(stdout).toContain('docs/configuration.md');
});

it.each([[['list']], [['revoke', '019abc12-8901-7890-abcd-ef1234567895']]])(
  'in a folder without a database, keys %j says so and creates nothing',
  async (args) => {
    await using home = await temporaryFolder();
    const dataDir = join(home.path, 'data');
    const { code, stdout, stderr } = await outcome(['keys', ...args], { CYBERUN_DATA_DIR: dataDir });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^cyberun-mcp: No runtime keeps its data in [^\n]+ CYBERUN_DATA_DIR [^\n]+\n$/);
    expect(stderr).toContain(dataDir);
    expect(await readdir(home.path)).toEqual([]);
  },
);

it.each([
  [
    ['--permissions', 'run,fly'],
    'cyberun-mcp: "fly" is not a permission. There are: run, invoke, admin. A key without any may only read.\n',
  ],
  [
    ['--kind', 'agent', '--read-only'],
    'cyberun-mcp: Only integration keys have permissions, agent keys have none.\n',
  ],
  [
    ['--read-only', '--permissions', 'run'],
    "error: option '--read-only' cannot be used with option '--permissions <list>'\n",
  ],
])('keys create %j fails with one sentence and creates nothing', async (args, sentence) => {
  await using home = await temporaryFolder();
  const wanted = ['keys', 'create', ...args];
  const refused = await outcome(wanted, { CYBERUN_DATA_DIR: join(home.path, 'data') });
  expect(refused).toMatchObject({ code: 1, stderr: sentence });
  expect(await readdir(home.path)).toEqual([]);
});

it('keys create names the folder and that it is new, and keys list shows the permissions of each key', async () => {
  await using home = await temporaryFolder();
  const dataDir = join(home.path, 'data');
  // Left behind by a first start that was interrupted.
  await mkdir(join(dataDir, 'database-draft', 'base'), { recursive: true });
  const first = await outcome(['keys', 'create', '--read-only'], { CYBERUN_DATA_DIR: dataDir });
  expect(first.stderr).toContain(`${dataDir}, a data folder made just now`);
  const second = await outcome(['keys', 'create'], { CYBERUN_DATA_DIR: dataDir });
  expect(second.stderr).toMatch(new RegExp(`the server on ${dataDir}\\.\\n$`));
  const { stdout } = await outcome(['keys', 'list'], { CYBERUN_DATA_DIR: dataDir });
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/)[4])).toEqual([
    'PERMISSIONS',
    'run,invoke',
    'read-only',
    undefined,
  ]);
  expect(await readdir(dataDir)).toEqual(['database', 'lock']);
  // No other user can enter the folder, nor the database in it: PGlite gives its files the mode 0666 itself.
  const paths = [dataDir, join(dataDir, 'database'), join(dataDir, 'lock')];
  const modes = await Promise.all(paths.map(async (path) => (await stat(path)).mode & 0o077));
  expect(new Set(modes)).toEqual(new Set([0]));
});
