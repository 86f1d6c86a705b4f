import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { CredentialsService } from '../../src/runtime/credentials/index.js';
import { until } from '../support/processes.js';
import { shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const isRoot = process.geteuid?.() === 0;
/** Root without its capabilities is as bound by a folder's mode as any other user. */
const AS_ORDINARY_USER = isRoot ? ['setpriv', '--inh-caps=-all', '--bounding-set=-all'] : [];

/** What Go leaves behind: a module cache that its owner cannot delete from. */
const goModules = `mkdir -p go/pkg/mod/x@v1/cmd
echo 1 > go/pkg/mod/x@v1/cmd/a.go
chmod -R a-w go/pkg/mod`;

/** An agent in a process of its own that is bound by the modes of files. */
class OrdinaryAgent implements AsyncDisposable {
  private log = '';
  private readonly child;

  constructor(server: RuntimeServer, workDir: string) {
    const command = [...AS_ORDINARY_USER, process.execPath, packagePaths.entry, 'agent', '--local'];
    const [program = '', ...words] = command;
    const env = { PATH: process.env['PATH'], CYBERUN_LOGGER_FORMAT: 'json' };
    this.child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.log += chunk.toString();
      });
    }
    const key = server.app.get(CredentialsService, { strict: false }).mintEphemeralAgentKey();
    const who = {
      agentId: 'ordinary',
      labels: ['local'],
      slots: 2,
      drainSeconds: 0,
      isProxyShared: false,
      workDir,
    };
    this.child.send({ gateways: [server.origin], key, ...who, umask: process.umask() });
  }

  async logged(text: string): Promise<void> {
    await until(async () => {
      if (this.child.exitCode !== null) throw new Error(this.log);
      return this.log.includes(text);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.child, 'exit');
    if (this.child.exitCode === null && this.child.kill()) await ended;
  }
}

describe.runIf(process.platform === 'linux')('an agent of an ordinary user', () => {
  let server: RuntimeServer;
  let workDir: string;
  let runs: string;
  beforeAll(async () => {
    server = await RuntimeServer.start({
      'good.yaml': shellWorkflow('good', `${goModules}\necho built > output/bin.txt`),
      'bad.yaml': shellWorkflow('bad', `${goModules}\necho the reason >&2\nexit 7`),
    });
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    workDir = await mkdtemp(join(tmpdir(), 'cyberun-ordinary-'));
    runs = join(workDir, 'runs');
    await mkdir(join(runs, 'run-left'), { recursive: true });
    await writeFile(join(runs, 'run-left', 'a.go'), '1');
    return () => rm(workDir, { recursive: true, force: true });
  });

  const ended = async (id: string) => {
    await until(async () =>
      ['completed', 'failed'].includes((await server.get(`/r/tasks/${id}`)).body.task_status),
    );
    return (await server.get(`/r/tasks/${id}/result`)).body;
  };

  it('an agent of an ordinary user completes runs whose folders are read-only, and removes the folders', async () => {
    await chmod(join(runs, 'run-left'), 0o500);
    await using _agent = new OrdinaryAgent(server, workDir);
    const [good, bad] = await Promise.all([server.submit('good', {}), server.submit('bad', {})]);
    expect(await ended(good)).toMatchObject({
      task_status: 'completed',
      download_urls: { 'bin.txt': expect.any(String) },
    });
    expect(await ended(bad)).toMatchObject({
      task_status: 'failed',
      task_error: 'the reason\nStep work ended with exit code 7.',
    });
    await until(async () => (await readdir(runs)).length === 0);
  });

  it.runIf(isRoot)(
    'an agent of an ordinary user starts beside a folder of another user, and logs that it cannot remove it',
    async () => {
      await chown(join(runs, 'run-left'), 12_345, 12_345);
      await using agent = new OrdinaryAgent(server, workDir);
      await agent.logged('run-left cannot be removed');
      expect(await ended(await server.submit('good', {}))).toMatchObject({ task_status: 'completed' });
      expect(await readdir(runs)).toEqual(['run-left']);
    },
  );
});
