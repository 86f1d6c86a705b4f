import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { type CommandOutcome, command, rowsOf } from '../support/in-process-command.js';
import { until } from '../support/processes.js';
import { databaseSettings } from '../support/shared-postgresql.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

let home: string;
let folder: string;
let server: RuntimeServer;
let settings: Record<string, string>;

const apply = (...args: string[]): Promise<CommandOutcome> => command(settings, 'apply', folder, ...args);
const put = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
const workflow = async (slug: string, key?: string) =>
  (await server.get(`/r/workflows/slug/${slug}`, key)).body;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyberun-runtime-'));
  settings = { CYBERUN_DATA_DIR: join(home, 'data'), ...(await databaseSettings(home)) };
  server = await RuntimeServer.start({}, { folder: home });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-apply-'));
  return () => rm(folder, { recursive: true });
});

it('definitions are applied to a running server with the files beside them, and a repeated apply changes nothing', async () => {
  await put('greet.yaml', shellWorkflow('greet', 'cat "$CYBERUN_WORKFLOW_DIR/greet/word.txt"'));
  await mkdir(join(folder, 'greet'));
  await put('greet/word.txt', 'first');
  await put('board.yaml', 'slug: board\ncommand: [node, board.mjs]\nservice_desc: A board.\n');
  await put('board.mjs', '');
  const first = await apply();
  expect(rowsOf(first)).toEqual(['added service board - board.yaml', 'added workflow greet 1 greet.yaml']);
  expect(first.stderr).toMatch(/^2 changed for team default in the data(base of|\sfolder) /);
  expect(await workflow('greet')).toMatchObject({ version: 1, workflow_status: 'active' });
  await until(async () => (await server.get('/r/containers/board')).body.service_desc === 'A board.');
  await using _agent = await TestAgent.start(server);
  const taskId = await server.submit('greet', {});
  expect((await server.events(taskId)).at(-1)?.event).toBe('completed');
  expect((await server.get(`/r/tasks/${taskId}/result`)).body.task_log).toContain('first');

  expect(rowsOf(await apply())).toEqual([
    'unchanged service board - board.yaml',
    'unchanged workflow greet 1 greet.yaml',
  ]);
  await put('greet/word.txt', 'second');
  const dry = await apply('--dry-run');
  expect(rowsOf(dry)[1]).toBe('changed workflow greet 2 greet.yaml');
  expect(dry.stderr).toMatch(/^Nothing was changed \(--dry-run\): 1 would change for team default in /);
  expect(await workflow('greet')).toMatchObject({ version: 1 });
  expect(rowsOf(await apply())[1]).toBe('changed workflow greet 2 greet.yaml');
  expect(await workflow('greet')).toMatchObject({ version: 2 });
});

it('a definition that is refused keeps the others from being applied, unless a partial apply is asked for', async () => {
  await put('good.yaml', echoWorkflow('good'));
  await put('bad.yaml', 'document:\n  dsl: "1.0.0"\n  nme: bad\n');
  await put('neither.yaml', 'name: x\n');
  await put('twice.yaml', echoWorkflow('good'));
  await put('good.json', '{}');
  const refused = await apply();
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr.split('\n')).toEqual([
    'good.json is ignored: a definition is a file whose name ends in .yaml or .yml',
    'bad.yaml:3: "nme" in document is not supported',
    'neither.yaml:1: it is neither a workflow, which has "document", nor a service, which has "slug" and "command"',
    'twice.yaml:1: good.yaml defines the workflow "good" too',
    '3 of 4 definitions are refused, so nothing is applied. Correct them, or apply the others with --partial.',
  ]);
  expect((await server.get('/r/workflows/slug/good')).status).toBe(404);
  const partial = await apply('--partial');
  expect(partial.exitCode).toBe(2);
  expect(rowsOf(partial)).toEqual([
    'added workflow good 1 good.yaml',
    'refused - - - bad.yaml:3',
    'refused - - - neither.yaml:1',
    'refused - - - twice.yaml:1',
  ]);
  expect(await workflow('good')).toMatchObject({ version: 1 });
});
