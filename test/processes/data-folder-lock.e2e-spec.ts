import { hostname } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { outcome, temporaryFolder } from '../support/command-line.js';
import { initialiseDatabase } from '../support/initialised-database.js';
import { ServerProcess } from '../support/server.js';

const RUNTIME = ['--role', 'runtime'];

async function statusOfList({ api, key }: ServerProcess): Promise<number> {
  const { status } = await fetch(`${api}/r/tasks`, { headers: { authorization: `Bearer ${key}` } });
  return status;
}

it('a server keeps its data folder while it is stopped, continues, and loses it when it is killed', async () => {
  await using home = await temporaryFolder();
  const settings = {
    CYBERUN_DATA_DIR: join(home.path, 'data'),
    CYBERUN_BOOTSTRAP_KEY: 'sk-data-folder-lock-0001',
  };
  await using first = await ServerProcess.start(settings, RUNTIME);
  first.key = settings.CYBERUN_BOOTSTRAP_KEY;
  first.child.kill('SIGSTOP');
  const refused = await outcome(['serve', ...RUNTIME], { ...settings, CYBERUN_HTTP_PORT: '0' });
  expect(refused).toMatchObject({
    code: 1,
    stderr: `cyberun-mcp: The data folder ${settings.CYBERUN_DATA_DIR} is in use by process ${first.child.pid} on ${hostname()}: stop that one, or set CYBERUN_DATA_DIR to another folder.\n`,
  });
  first.child.kill('SIGCONT');
  expect(await statusOfList(first)).toBe(200);
  await first.end('SIGKILL');

  await using second = await ServerProcess.start(settings, RUNTIME);
  second.key = first.key;
  expect(await statusOfList(second)).toBe(200);
});

it('exactly one of several servers that start together gets the data folder', async () => {
  await using home = await temporaryFolder();
  const dataDir = join(home.path, 'data');
  initialiseDatabase(dataDir);
  const started = await Promise.allSettled(
    Array.from({ length: 3 }, () => ServerProcess.start({ CYBERUN_DATA_DIR: dataDir }, RUNTIME)),
  );
  const servers = started.filter((start) => start.status === 'fulfilled');
  const refusals = started.filter((start) => start.status === 'rejected');
  for (const { value } of servers) await value.end();
  expect(servers).toHaveLength(1);
  for (const { reason } of refusals) {
    expect((reason as Error).message).toMatch(
      /^ended with 1:\ncyberun-mcp: The data folder \S+ is in use by /,
    );
  }
});
