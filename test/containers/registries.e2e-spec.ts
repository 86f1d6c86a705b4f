import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';
import { PodmanService } from './podman-service.js';
import { PASSWORD, Registry, SILENT, USER } from './registry.js';

const workflow = (name: string, image: string, policy: string): string => `document:
  dsl: '1.0.0'
  namespace: tests
  name: ${name}
  version: '1.0.0'
do:
  - work:
      run:
        container:
          image: ${image}
          command: echo "{\\"version\\":\\"$VERSION\\"}" > output/result.json
          pullPolicy: ${policy}
`;

let folder: string;
let layout: string;
let credentials: string;
let basic: Registry;
let bearer: Registry;
let podman: PodmanService;
let server: RuntimeServer;
let agent: TestAgent;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-registries-'));
  [layout, credentials] = [join(folder, 'layout'), join(folder, 'config.json')];
  [basic, bearer] = [await Registry.start('Basic'), await Registry.start('Bearer')];
  podman = await PodmanService.start([basic.host, bearer.host]);
  podman.saveImage(layout);
  server = await RuntimeServer.start({
    'basic.yaml': workflow('basic', `${basic.host}/tests/app:1`, 'always'),
    'bearer.yaml': workflow('bearer', `${bearer.host}/tests/app:1`, 'always'),
    'missing.yaml': workflow('missing', `${basic.host}/tests/app:none`, 'always'),
    'slow.yaml': `${workflow('slow', `${basic.host}/${SILENT}:1`, 'always')}      timeout: { after: { seconds: 1 } }\n`,
    'never.yaml': workflow('never', `${basic.host}/tests/own:1`, 'never'),
    'if-not-present.yaml': workflow('if-not-present', `${basic.host}/tests/own:1`, 'ifNotPresent'),
    'always.yaml': workflow('always', `${basic.host}/tests/own:1`, 'always'),
  });
  agent = await TestAgent.start(server, {
    containers: { ...podman.options, registryCredentials: credentials },
  });
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await podman?.[Symbol.asyncDispose]();
  await basic?.[Symbol.asyncDispose]();
  await bearer?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  for (const registry of [basic, bearer]) registry.publish(layout, 'tests/app', '1', 'VERSION=1');
  basic.publish(layout, 'tests/own', '1', 'VERSION=1');
  await logIn(PASSWORD);
});

/** Writes the credentials file of the agent, as `docker login` does. */
async function logIn(password: string, hosts = [basic.host, bearer.host]): Promise<void> {
  const auth = Buffer.from(`${USER}:${password}`).toString('base64');
  const auths = Object.fromEntries(hosts.map((host) => [host, { auth }]));
  await writeFile(credentials, JSON.stringify({ auths }), { mode: 0o600 });
}

/** The result of a run, and the requests that the registries got meanwhile. */
async function run(slug: string) {
  for (const registry of [basic, bearer]) registry.requests.length = 0;
  const id = await server.submit(slug, {});
  await until(async () =>
    ['completed', 'failed'].includes((await server.get(`/r/tasks/${id}`)).body.task_status),
  );
  const { body } = await server.get(`/r/tasks/${id}/result`);
  const log = await fetch(`${server.origin}/api/v1/r/tasks/${id}/logs`, {
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}`, accept: 'text/plain' },
  });
  const text = await log.text();
  expect(JSON.stringify(body) + text).not.toContain(PASSWORD);
  return { ...body, text, requests: [...basic.requests, ...bearer.requests] };
}

it.each(['basic', 'bearer'])('an image is pulled with the credentials of the agent: %s', async (slug) => {
  const { task_output, task_error, requests } = await run(slug);
  expect({ task_output, task_error }).toMatchObject({ task_output: { version: '1' } });
  expect(requests).toContain('GET /v2/tests/app/manifests/1 200');
});

it.each(['basic', 'bearer'])('wrong credentials fail the run with a clear error: %s', async (slug) => {
  await logIn('wrong');
  expect((await run(slug)).task_error).toMatch(
    /^Step work cannot start: image .*\/tests\/app:1 cannot be pulled: .*unauthorized; the registry refused the credentials of this agent: .* --registry-credentials\.$/,
  );
});

it.each(['basic', 'bearer'])('missing credentials fail the run with a clear error: %s', async (slug) => {
  await logIn(PASSWORD, []);
  expect((await run(slug)).task_error).toMatch(
    /cannot be pulled: .*unauthorized; this agent has no credentials for the registry: .* --registry-credentials\.$/,
  );
});

it('an image that the registry does not have fails the run with a clear error', async () => {
  expect((await run('missing')).task_error).toMatch(
    /^Step work cannot start: image .*\/tests\/app:none cannot be pulled: .*: manifest unknown\.$/,
  );
});

it('the pull of an image counts for the time limit of its step', async () => {
  const { task_error, text } = await run('slow');
  expect(task_error).toBe(
    'Step work took longer than its limit of 1 s and was stopped. Its program had not started yet; the log of the task says what was going on.',
  );
  expect(text).toBe(`Pulling image ${basic.host}/${SILENT}:1\n`);
});

it('the pull policy says whether the registry is asked', async () => {
  expect((await run('never')).task_error).toMatch(
    /tests\/own:1 is not on this agent, and the pull policy is never: pull it there, or choose pullPolicy if/,
  );
  const asked = (requests: readonly string[]): boolean =>
    requests.some((request) => request.includes('/manifests/'));
  const first = await run('if-not-present');
  expect([first.task_output, asked(first.requests)]).toEqual([{ version: '1' }, true]);
  basic.publish(layout, 'tests/own', '1', 'VERSION=2');
  for (const slug of ['never', 'if-not-present']) {
    const { task_output, requests } = await run(slug);
    expect([task_output, requests]).toEqual([{ version: '1' }, []]);
  }
  const last = await run('always');
  expect([last.task_output, asked(last.requests)]).toEqual([{ version: '2' }, true]);
});
