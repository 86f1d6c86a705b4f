import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { initialiseDatabase } from '../support/initialised-database.js';
import { ServerProcess } from '../support/server.js';

const run = promisify(execFile);

/** Runs a command to its end, whatever that is. */
async function outcome(args: string[], environment: Record<string, string>) {
  const options = { env: { PATH: process.env['PATH'], ...environment } };
  return run(process.execPath, [packagePaths.entry, ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'cyberun-folder-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** What `npm start` started; none outlives its test, whatever becomes of that. */
const started = new Set<ChildProcess>();
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
});

/** `npm start` in a folder of its own, until its text holds something. */
async function npmStart(
  dataDir: string,
  awaited: string,
): Promise<{ child: ChildProcess; text: string; ms: number }> {
  const begun = Date.now();
  const child = spawn(process.execPath, [join(packagePaths.root, 'scripts/start.mjs')], {
    cwd: packagePaths.root,
    env: { PATH: process.env['PATH'], CYBERUN_DATA_DIR: dataDir, CYBERUN_HTTP_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.add(child);
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += String(chunk);
    if (text.includes(awaited)) resolve(text);
  });
  child.once('exit', () => resolve(text));
  await promise;
  return { child, text, ms: Date.now() - begun };
}

async function end(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await exited;
  return child.exitCode;
}

describe('the first minute', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'cyberun-first-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  it('shows endpoint, key and a line to paste, the key only once, and ends at Ctrl-C', async () => {
    const first = await npmStart(dataDir, 'README.md');
    const [, endpoint = ''] = /Endpoint\s+(\S+)/.exec(first.text) ?? [];
    const [, key = ''] = /Key\s+(sk-\S+)/.exec(first.text) ?? [];
    expect(first.text).toContain(
      `claude mcp add --transport http cyberun ${endpoint} --header "Authorization: Bearer ${key}"`,
    );
    expect(key).toMatch(/^sk-/);
    expect(await end(first.child)).toBe(0);

    const second = await npmStart(dataDir, 'README.md');
    expect(second.text).not.toContain('Bearer sk-');
    expect(second.text).toContain('cyberun-mcp keys create');
    expect(await end(second.child)).toBe(0);
    console.log(`npm start to welcome: first ${first.ms} ms, again ${second.ms} ms`);
  }, 90_000);
});

describe('a server that cannot start says why in one sentence:', () => {
  it('the port for metrics is taken, or the same', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const port = String((other.address() as { port: number }).port);
    const settings = { CYBERUN_RUNTIME_URL: 'http://127.0.0.1:9/api/v1', CYBERUN_METRICS_PORT: port };
    const taken = await outcome(['serve', '--role', 'mcp'], { ...settings, CYBERUN_HTTP_PORT: '0' });
    const same = await outcome(['serve', '--role', 'mcp'], { ...settings, CYBERUN_HTTP_PORT: port });
    other.close();
    expect([taken.code, same.code]).toEqual([1, 1]);
    expect(taken.stderr).toBe(
      `cyberun-mcp: Port ${port} on 127.0.0.1 cannot be had for metrics (EADDRINUSE). Choose another with CYBERUN_METRICS_PORT (0 picks a free one), or leave it empty.\n`,
    );
    expect(same.stderr).toBe(
      `cyberun-mcp: CYBERUN_METRICS_PORT is ${port}, which is CYBERUN_HTTP_PORT too. Choose another one. Example: 9464\n`,
    );
  });

  it('the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const dataDir = await mkdtemp(join(tmpdir(), 'cyberun-port-'));
    await initialiseDatabase(dataDir);
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

  it('a setting is wrong', async () => {
    const { code, stderr } = await outcome(['serve'], { CYBERUN_HTTP_PORT: 'http' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cyberun-mcp: CYBERUN_HTTP_PORT is "http", but .* Example: 8080\n$/);
  });

  it.each([
    ['is a file', 'file', 'file is not a folder'],
    ['leads through a file', 'file/inner/data', 'is not a folder, or leads through a file'],
    ['is not to be had', '/proc/cyberun', 'cannot be made there'],
  ])('its data folder %s', async (_what, name, reason) => {
    await using home = await temporaryFolder();
    await writeFile(join(home.path, 'file'), '');
    const dataDir = resolve(home.path, name);
    const { code, stderr } = await outcome(['serve'], { CYBERUN_DATA_DIR: dataDir, CYBERUN_HTTP_PORT: '0' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cyberun-mcp: CYBERUN_DATA_DIR is "[^\n]+ Example: .cyberun\n$/);
    expect(stderr).toContain(`"${dataDir}"`);
    expect(stderr).toContain(reason);
  });

  it.each([[['frobnicate']], [['frobnicate', '--role', 'mcp']]])('%j is no command', async (args) => {
    const { code, stderr } = await outcome(args, {});
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "error: unknown command 'frobnicate'; see cyberun-mcp --help\n",
    });
  });

  it('role mcp has no runtime', async () => {
    const { code, stderr } = await outcome(['serve', '--role', 'mcp'], {});
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cyberun-mcp: Role mcp needs CYBERUN_RUNTIME_URL.*\n$/);
  });
});

it('the help says what runs without a command, and where the settings are', async () => {
  const { stdout } = await outcome(['--help'], {});
  expect(stdout).toContain('Without a command it serves');
  expect(stdout).toContain('docs/configuration.md');
});

describe('in a folder where no server has been', () => {
  it.each([[['list']], [['revoke', '019abc12-8901-7890-abcd-ef1234567895']]])(
    'keys %j says so and makes nothing',
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

  it('keys create refuses what it cannot make by one sentence, and makes nothing', async () => {
    await using home = await temporaryFolder();
    const wanted = ['keys', 'create', '--permissions', 'fly'];
    const refused = await outcome(wanted, { CYBERUN_DATA_DIR: join(home.path, 'data') });
    expect(refused).toMatchObject({
      code: 1,
      stderr: 'cyberun-mcp: The permissions must be of these, separated by commas: run, invoke.\n',
    });
    expect(await readdir(home.path)).toEqual([]);
  });

  it('keys create names the folder the key is for, and that it is new', async () => {
    await using home = await temporaryFolder();
    const dataDir = join(home.path, 'data');
    const first = await outcome(['keys', 'create'], { CYBERUN_DATA_DIR: dataDir });
    expect(first.stderr).toContain(`${dataDir}, a data folder made just now`);
    const second = await outcome(['keys', 'create'], { CYBERUN_DATA_DIR: dataDir });
    expect(second.stderr).toMatch(new RegExp(`the server on ${dataDir}\\.\\n$`));
  }, 60_000);
});

describe('while a server runs', () => {
  let server: ServerProcess;
  const keys = (...args: string[]) => outcome(['keys', ...args], { CYBERUN_DATA_DIR: server.dataDir });
  const status = async (key: string): Promise<number> =>
    (await fetch(`${server.api}/r/workflows`, { headers: { Authorization: `Bearer ${key}` } })).status;

  beforeAll(async () => {
    server = await ServerProcess.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('nobody else gets its folder', async () => {
    const { code, stderr } = await outcome(['serve'], {
      CYBERUN_DATA_DIR: server.dataDir,
      CYBERUN_HTTP_PORT: '0',
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cyberun-mcp: [^\n]+\n$/);
    expect(stderr).toContain(server.dataDir);
  });

  it('keys are made, listed without their secret, and revoked at once', async () => {
    const created = await keys('create', '--name', 'for a friend');
    const key = created.stdout.trim();
    expect(key).toMatch(/^sk-\S{20,}$/);
    expect(await status(key)).toBe(200);

    const listed = await keys('list');
    expect(listed.stdout).toContain('for a friend');
    expect(listed.stdout).not.toContain(key);
    const line = listed.stdout.split('\n').find((row) => row.includes('for a friend'));
    const [id = ''] = line?.split(' ') ?? [];

    expect((await keys('revoke', id)).code).toBe(0);
    expect(await status(key)).toBe(401);
    const again = await keys('revoke', '019abc12-8901-7890-abcd-ef1234567895');
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toContain('cyberun-mcp keys list');
  });

  it.each(['/health/live', '/health/ready'])('%s answers anyone', async (path) => {
    const response = await fetch(new URL(path, server.endpoint));
    expect(response.status).toBe(200);
  });

  it.each([
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-authorization-server/api/v1/mcp',
    '/',
    '/nope',
  ])('%s is a JSON 404', async (path) => {
    const response = await fetch(new URL(path, server.endpoint));
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toEqual({ error_message: `Cannot GET ${path}` });
    expect(response.headers.get('x-powered-by')).toBeNull();
  });
});
