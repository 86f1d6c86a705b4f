import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';

const service = (answer: string): string => `
import { createServer } from 'node:http';
import { word } from './lib/word.mjs';
createServer((request, response) =>
  response.end(JSON.stringify({ answer: ${JSON.stringify(answer)} + word, folder: process.cwd() })),
).listen(process.env.PORT, '127.0.0.1');
`;

let server: RuntimeServer;
let agent: TestAgent;
let services: string;
let workflows: string;

async function put(folder: string, path: string, text: string): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), text);
}

beforeAll(async () => {
  [services, workflows] = (await Promise.all(
    ['services', 'workflows'].map((name) => mkdtemp(join(tmpdir(), `cyberun-${name}-`))),
  )) as [string, string];
  await put(services, 'app/server.mjs', service('first '));
  await put(services, 'app/lib/word.mjs', "export const word = 'word';");
  await put(services, 'secret.txt', 'of another definition');
  await put(services, 'remote.yaml', 'slug: remote\ncommand: [node, app/server.mjs]\nhealth_path: /\n');
  await put(workflows, 'tool/data.txt', 'first data');
  await put(workflows, 'tool/say.sh', '#!/bin/sh\ncat "$CYBERUN_WORKFLOW_DIR/tool/data.txt"\n');
  await put(
    workflows,
    'tool.yaml',
    shellWorkflow(
      'tool',
      'sh "$CYBERUN_WORKFLOW_DIR/tool/say.sh" > output/said.txt; cp output/said.txt output/result.json; printf \'"%s"\' "$(cat output/said.txt)" > output/result.json',
    ),
  );
  server = await RuntimeServer.start(
    {},
    { env: { CYBERUN_SERVICES_DIR: services, CYBERUN_WORKFLOWS_DIR: workflows } },
  );
  agent = await TestAgent.start(server);
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  for (const folder of [services, workflows]) await rm(folder, { recursive: true, force: true });
});

async function call(): Promise<{ answer: string; folder: string } | undefined> {
  const { status, body } = await server.call('POST', '/r/invoke/remote', { method: 'GET', path: '/' });
  return status === 200 ? JSON.parse(Buffer.from(body.body_base64, 'base64').toString()) : undefined;
}

async function said(slug: string): Promise<unknown> {
  const id = await server.submit(slug, {});
  await until(
    async () =>
      !['pending', 'waiting', 'queued', 'running'].includes(
        (await server.get(`/r/tasks/${id}`)).body.task_status,
      ),
  );
  return (await server.get(`/r/tasks/${id}/result`)).body.task_output;
}

it('a service runs on its agent with the files its command names, in a folder of the agent', async () => {
  await until(async () => (await call()) !== undefined);
  const { answer, folder } = (await call()) ?? { answer: '', folder: '' };
  expect(answer).toBe('first word');
  expect(folder.startsWith(join(await realpath(agent.workDir), 'bundles'))).toBe(true);
});

it('a service whose files change starts anew with the new ones', async () => {
  await put(services, 'app/server.mjs', service('second '));
  await until(async () => (await call())?.answer !== 'first word');
  await until(async () => (await call()) !== undefined);
  expect((await call())?.answer).toBe('second word');
});

it('a workflow finds the files of its own version, and an earlier version those it was loaded with', async () => {
  expect(await said('tool')).toBe('first data');
  await put(workflows, 'tool/data.txt', 'second data');
  await until(async () => (await server.get('/r/workflows/slug/tool')).body.version === 2);
  expect(await said('tool')).toBe('second data');
  expect(await said('tool@1')).toBe('first data');
});
