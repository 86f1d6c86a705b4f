import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { type CommandOutcome, command, rowsOf } from '../support/in-process-command.js';
import { until } from '../support/processes.js';
import { databaseSettings } from '../support/shared-postgresql.js';

let home: string;
let folder: string;
let server: RuntimeServer;
let settings: Record<string, string>;

const start = (): Promise<RuntimeServer> => RuntimeServer.start({}, { folder: home });
const apply = (...args: string[]): Promise<CommandOutcome> => command(settings, 'apply', folder, ...args);
const put = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
const workflow = async (slug: string, key?: string) =>
  (await server.get(`/r/workflows/slug/${slug}`, key)).body;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyberun-runtime-'));
  settings = { CYBERUN_DATA_DIR: join(home, 'data'), ...(await databaseSettings(home)) };
  server = await start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-apply-'));
  return () => rm(folder, { recursive: true });
});

it('definitions are applied to a team, and pruned there alone', async () => {
  await command(settings, 'teams', 'create', 'lab');
  const key = (await command(settings, 'keys', 'create', '--team', 'lab')).stdout.trim();
  await put('one.yaml', echoWorkflow('one'));
  await put('two.yaml', echoWorkflow('two'));
  await put('shop.yaml', 'slug: shop\ncommand: [node, shop.mjs]\n');
  await apply('--team', 'lab');
  await apply();
  expect(await workflow('two', key)).toMatchObject({ workflow_status: 'active' });
  await rm(join(folder, 'two.yaml'));
  await rm(join(folder, 'shop.yaml'));
  expect(rowsOf(await apply('--team', 'lab'))).toEqual(['unchanged workflow one 1 one.yaml']);
  expect(rowsOf(await apply('--team', 'lab', '--prune'))).toEqual([
    'unchanged workflow one 1 one.yaml',
    'disabled workflow two - -',
    'removed service shop - -',
  ]);
  expect(await workflow('two', key)).toMatchObject({ workflow_status: 'disabled' });
  expect(await workflow('two')).toMatchObject({ workflow_status: 'active' });
  await until(async () => (await server.get('/r/containers/shop', key)).status === 404);
  expect((await server.get('/r/containers/shop')).status).toBe(200);
  await rm(join(folder, 'one.yaml'));
  expect(await apply('--prune')).toMatchObject({
    exitCode: 1,
    stderr: `There is no definition in ${folder}, so --prune would disable all that were applied. Name the right folder.`,
  });
  expect((await apply('--team', 'none')).stderr).toContain('There is no team none. Make it with');
});

it('what was applied stays over a restart of a node whose folder has other content, until its file changes', async () => {
  const own = (text: string): Promise<void> =>
    writeFile(join(home, 'both.yaml'), echoWorkflow('both', { labels: text }));
  const labels = async (): Promise<string[]> => (await workflow('both')).required_labels as string[];
  await own('of-the-folder');
  await until(async () => (await server.get('/r/workflows/slug/both')).status === 200);
  await put('both.yaml', echoWorkflow('both', { labels: 'applied' }));
  expect(rowsOf(await apply())).toEqual(['changed workflow both 2 both.yaml']);
  await server.stop();
  server = await start();
  expect(await labels()).toEqual(['applied']);
  await own('of-the-folder-again');
  await until(async () => (await labels())[0] === 'of-the-folder-again');
  expect(rowsOf(await apply())).toEqual(['changed workflow both 4 both.yaml']);
  await rm(join(home, 'both.yaml'));
  await writeFile(join(home, 'later.yaml'), echoWorkflow('later'));
  await until(async () => (await server.get('/r/workflows/slug/later')).status === 200);
  expect(await workflow('both')).toMatchObject({ version: 4, workflow_status: 'active' });
});
