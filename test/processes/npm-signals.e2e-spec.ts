import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { CredentialsService } from '../../src/runtime/credentials/index.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { temporaryFolder } from '../support/command-line.js';
import { initialiseDatabase } from '../support/initialised-database.js';
import { until } from '../support/processes.js';

const started = new Set<ChildProcess>();

afterEach(() => {
  for (const child of started) {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // The whole group has ended, as it should.
    }
  }
  started.clear();
});

/** A command as a service manager starts it, in a process group of its own; what it writes is collected. */
function startCommand(program: string, args: string[], environment: Record<string, string>) {
  const child = spawn(program, args, {
    cwd: packagePaths.root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  started.add(child);
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(String(chunk)));
  return { child, output: () => output.join('') };
}

/** Signals the process of npm alone, as `kill` and service managers do. */
const toNpm = ({ pid = 0 }: ChildProcess): boolean => process.kill(pid, 'SIGTERM');
/** Signals npm and all it started, as Ctrl-C in a terminal does. */
const toGroup = ({ pid = 0 }: ChildProcess): boolean => process.kill(-pid, 'SIGINT');

async function end(child: ChildProcess, signal: (child: ChildProcess) => boolean): Promise<void> {
  const exited = once(child, 'exit');
  signal(child);
  await exited;
}

const isGroupGone = async ({ pid = 0 }: ChildProcess): Promise<boolean> => {
  try {
    process.kill(-pid, 0);
    return false;
  } catch {
    return true;
  }
};

describe.runIf(process.platform === 'linux')('a command that npm runs', () => {
  it.each([
    ['SIGTERM to npm', toNpm],
    ['Ctrl-C', toGroup],
  ])('npm start ends with %s', async (_name, signal) => {
    await using home = await temporaryFolder();
    const data = { CYBERUN_DATA_DIR: join(home.path, 'data'), CYBERUN_HTTP_PORT: '0' };
    initialiseDatabase(data.CYBERUN_DATA_DIR);
    const { child, output } = startCommand('npm', ['start'], data);
    await until(async () => output().includes('is connected'));
    const [, origin] = /Endpoint\s+(\S+)\/api\/v1\/mcp/.exec(output()) ?? [];
    expect((await fetch(`${origin}/health/live`)).status).toBe(200);
    await end(child, signal);
    await until(() => isGroupGone(child));
    await expect(fetch(`${origin}/health/live`)).rejects.toThrow('fetch failed');
  });

  it('npx cyberun-mcp agent ends when npm gets SIGTERM', async () => {
    await using server = await RuntimeServer.start();
    const key = server.app.get(CredentialsService, { strict: false }).mintEphemeralAgentKey();
    const agents = async (): Promise<unknown[]> => (await server.get('/r/agents')).body.agent_list;
    await using home = await temporaryFolder();
    const args = ['cyberun-mcp', 'agent', '--gateway', server.origin, '--work-dir', home.path];
    const { child } = startCommand('npx', args, { CYBERUN_AGENT_KEY: key });
    await until(async () => (await agents()).length === 1);
    await end(child, toNpm);
    await until(() => isGroupGone(child));
    await expect.poll(async () => (await agents()).length, { timeout: 60_000 }).toBe(0);
  });
});
