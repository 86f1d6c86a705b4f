import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { outcome } from '../support/command-line.js';
import { ServerProcess } from '../support/server.js';

/** What `npm start` started; none outlives its test, failed or not. */
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

  it('npm start shows endpoint, key and a line to paste, the key only once, and ends at Ctrl-C', async () => {
    const first = await npmStart(dataDir, 'README.md');
    const [, endpoint = ''] = /Endpoint\s+(\S+)/.exec(first.text) ?? [];
    const [, key = ''] = /Key\s+(sk-\S+)/.exec(first.text) ?? [];
    expect(first.text).toContain(
      `claude mcp add --scope user --transport http cyberun "${endpoint}" --header "Authorization: Bearer ${key}"`,
    );
    expect(key).toMatch(/^sk-/);
    expect(first.text).toContain(`Console   ${new URL('/console', endpoint).href}\n`);
    expect(await end(first.child)).toBe(0);

    const second = await npmStart(dataDir, 'README.md');
    expect(second.text).not.toContain('Bearer sk-');
    expect(second.text).toContain('cyberun-mcp keys create');
    expect(await end(second.child)).toBe(0);
    console.log(`npm start to welcome: first ${first.ms} ms, again ${second.ms} ms`);
  }, 240_000);
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

  it('no other server gets the folder of a running server', async () => {
    const { code, stderr } = await outcome(['serve'], {
      CYBERUN_DATA_DIR: server.dataDir,
      CYBERUN_HTTP_PORT: '0',
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cyberun-mcp: [^\n]+\n$/);
    expect(stderr).toContain(server.dataDir);
  });

  it('the keys command creates, lists and revokes keys of a running server', async () => {
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

  it.each(['/health/live', '/health/ready'])('%s needs no key', async (path) => {
    const response = await fetch(new URL(path, server.endpoint));
    expect(response.status).toBe(200);
  });

  it.each(['/nope', '/nope/deeper'])('%s gets a JSON 404', async (path) => {
    const response = await fetch(new URL(path, server.endpoint));
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toEqual({ error_message: `Cannot GET ${path}` });
    expect(response.headers.get('x-powered-by')).toBeNull();
  });

  it('a client that looks for OAuth reads that it needs a key', async () => {
    const path = '/.well-known/oauth-authorization-server/api/v1/mcp';
    const response = await fetch(new URL(path, server.endpoint));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error_description: expect.stringContaining('Bearer sk-') });
    expect(response.headers.get('x-powered-by')).toBeNull();
  });
});
