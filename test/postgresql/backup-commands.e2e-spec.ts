import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { RuntimeServer, echoWorkflow } from '../e2e/runtime-support/runtime-fixture.js';
import { MarkdownFile } from '../support/documents.js';
import { databaseSettings } from '../support/shared-postgresql.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-backup-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('the commands of docs/operate.md dump a database and restore it as it was', async () => {
  const settings = await databaseSettings(folder);
  const start = (): Promise<RuntimeServer> =>
    RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') }, { env: settings });
  const [dump = '', empty = '', restore = ''] = new MarkdownFile('docs/operate.md')
    .snippets('sh')
    .flatMap(({ text }) => text.split('\n'))
    .filter((line) => /^(pg_dump|psql|pg_restore) /.test(line));
  const env = { PATH: process.env['PATH'] ?? '', ...settings };
  const run = (text: string) => promisify(execFile)('/bin/sh', ['-ec', text], { cwd: folder, env });
  let kept: string;
  {
    await using server = await start();
    kept = await server.submit('echo');
    await run(dump);
    await server.submit('echo');
  }
  await run(`${empty}\n${restore}`);
  await using server = await start();
  const { body } = await server.get('/r/tasks');
  expect(body.task_list.map(({ id }: { id: string }) => id)).toEqual([kept]);
});
