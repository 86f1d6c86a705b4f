import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { keysOf, shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { inherited } from '../support/command-line.js';
import { until } from '../support/processes.js';
import { Relay } from '../support/relay.js';
import { FLAGS } from '../support/setup.js';

let folder: string;
let server: RuntimeServer;
let relay: Relay;
let agent: ChildProcess;
let keyId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-agent-reports-'));
  // Ends once the test has made a file, so that no test depends on time.
  const work = `echo begun >> ${folder}/begun; echo working; while [ ! -e ${folder}/go ]; do sleep 0.1; done`;
  const result = `${work}; echo last words; echo '{"id":9007199254740993}' > output/result.json`;
  relay = await Relay.start();
  server = await RuntimeServer.start(
    {
      'result.yaml': shellWorkflow('result', result),
      'failure.yaml': shellWorkflow('failure', `${work}; echo the reason >&2; exit 3`),
      'files.yaml': shellWorkflow('files', `${work}; echo one > output/1.txt; echo two > output/2.txt`),
    },
    { env: { CYBERUN_HTTP_PUBLIC_URL: relay.origin } },
  );
  relay.target = server.origin;
  await issueKey();
  agent = await startAgent();
});
afterAll(async () => {
  agent?.kill('SIGKILL');
  await server?.[Symbol.asyncDispose]();
  await relay?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await rm(join(folder, 'go'), { force: true });
  await rm(join(folder, 'begun'), { force: true });
});

const HEADERS = { authorization: `Bearer ${BOOTSTRAP_KEY}` };
const task = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
const result = async (id: string) => (await server.get(`/r/tasks/${id}/result`)).body;
const isEnded = async (id: string): Promise<boolean> =>
  ['completed', 'failed'].includes((await task(id)).task_status);
const begun = async (): Promise<number> =>
  (await readFile(join(folder, 'begun'), 'utf8').catch(() => '')).split('\n').filter(Boolean).length;
const inWorkDir = (name: string): Promise<string[]> => readdir(join(folder, 'work', name));
const logOf = async (id: string): Promise<string> => {
  const headers = { ...HEADERS, accept: 'text/plain' };
  return (await fetch(`${server.origin}/api/v1/r/tasks/${id}/logs`, { headers })).text();
};

async function issueKey(): Promise<void> {
  const { id, raw_key } = await keysOf(server).create({ kind: 'agent', display_name: 'agent' });
  keyId = id;
  await writeFile(join(folder, 'agent.key'), raw_key);
}

/** An agent on the work folder of the test, without a grace at SIGTERM, which reaches the runtime through the relay. */
async function startAgent(): Promise<ChildProcess> {
  const before = await connectedAt();
  const options = { gateway: relay.origin, id: 'a1', labels: 'local', 'work-dir': join(folder, 'work') };
  const given = { ...options, 'drain-seconds': '0' };
  const flags = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]);
  const key = ['--key-file', join(folder, 'agent.key')];
  const child = spawn(process.execPath, [...FLAGS, packagePaths.entry, 'agent', ...flags, ...key], {
    env: { ...inherited(), CYBERUN_LOGGER_LEVEL: 'error' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await until(async () => ![undefined, before].includes(await connectedAt()));
  return child;
}

const connectedAt = async (): Promise<string | undefined> =>
  (await server.get('/r/agents')).body.agent_list[0]?.connected_at;

async function begin(slug: string): Promise<string> {
  const id = await server.submit(slug, {});
  await until(async () => (await begun()) === 1);
  return id;
}

/** Has the run end while the network loses what the agent says. */
async function endUnheard(): Promise<void> {
  relay.cut();
  await writeFile(join(folder, 'go'), '');
  await until(async () => (await inWorkDir('reports')).some((name) => name.endsWith('.json')));
}

async function killAndStartNext(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const exited = once(agent, 'exit');
  agent.kill(signal);
  await exited;
  relay.mend();
  agent = await startAgent();
}

it('the next agent reports a run that had completed when its agent was killed, with the end of its log', async () => {
  const id = await begin('result');
  await until(async () => (await logOf(id)).includes('working'));
  await endUnheard();
  await killAndStartNext();
  await until(() => isEnded(id));
  expect(await task(id)).toMatchObject({ task_status: 'completed', attempt_count: 1, interrupted_count: 0 });
  const answer = await fetch(`${server.origin}/api/v1/r/tasks/${id}/result`, { headers: HEADERS });
  expect(await answer.text()).toContain('"id":9007199254740993');
  expect(await logOf(id)).toBe('working\nlast words\n');
  expect(await begun()).toBe(1);
  await until(async () => (await inWorkDir('reports')).length === 0);
});

it('the next agent reports a run that had failed when its agent was killed', async () => {
  const id = await begin('failure');
  await endUnheard();
  await killAndStartNext();
  await until(() => isEnded(id));
  expect(await task(id)).toMatchObject({
    task_status: 'failed',
    task_error: 'the reason\nStep work ended with exit code 3.\nThe end of its stdout:\nworking',
    attempt_count: 1,
  });
  expect(await begun()).toBe(1);
});

it('the next agent stores the outputs of a run that had ended when its agent was killed', async () => {
  const id = await begin('files');
  await endUnheard();
  expect(await inWorkDir('runs')).toHaveLength(1);
  await killAndStartNext();
  await until(() => isEnded(id));
  const { task_status, task_warnings, download_urls } = await result(id);
  expect({ task_status, task_warnings }).toEqual({ task_status: 'completed', task_warnings: [] });
  const links = download_urls as Record<string, string>;
  expect(Object.keys(links).toSorted()).toEqual(['1.txt', '2.txt']);
  expect(await (await fetch(links['2.txt'] ?? '')).text()).toBe('two\n');
  expect(await begun()).toBe(1);
  await until(async () => (await inWorkDir('runs')).length === 0);
});

it.each([
  ['its connection is lost', () => relay.disconnect()],
  ['its runtime does not answer', () => undefined],
])('the next agent stores the outputs of a run whose agent got SIGTERM while %s', async (_case, lose) => {
  const id = await begin('files');
  await endUnheard();
  lose();
  await killAndStartNext('SIGTERM');
  await until(() => isEnded(id));
  const { task_status, download_urls } = await result(id);
  expect({ task_status, files: Object.keys(download_urls).toSorted() }).toEqual({
    task_status: 'completed',
    files: ['1.txt', '2.txt'],
  });
  expect(await task(id)).toMatchObject({ attempt_count: 1 });
  expect(await begun()).toBe(1);
  await until(async () => (await inWorkDir('runs')).length + (await inWorkDir('reports')).length === 0);
});

it.each(['result', 'files'])(
  'the next agent, with a new key, reports a run whose agent was refused when its runtime came back: %s',
  async (slug) => {
    const id = await begin(slug);
    await endUnheard();
    const exited = once(agent, 'exit');
    relay.disconnect();
    await keysOf(server).revoke(keyId);
    relay.mend();
    await exited;
    await issueKey();
    agent = await startAgent();
    await until(() => isEnded(id));
    expect(await task(id)).toMatchObject({
      task_status: 'completed',
      attempt_count: 1,
      interrupted_count: 0,
    });
    expect(await begun()).toBe(1);
    await until(async () => (await inWorkDir('runs')).length + (await inWorkDir('reports')).length === 0);
  },
);

it('an output that was stored before its agent was killed counts as stored', async () => {
  const id = await begin('files');
  relay.loseAnswersTo('PUT ');
  await writeFile(join(folder, 'go'), '');
  await until(async () => relay.lostAnswers.some((line) => line.startsWith('HTTP/1.1 200')));
  await killAndStartNext();
  await until(() => isEnded(id));
  const { task_status, task_warnings, download_urls } = await result(id);
  expect({ task_status, task_warnings, files: Object.keys(download_urls).toSorted() }).toEqual({
    task_status: 'completed',
    task_warnings: [],
    files: ['1.txt', '2.txt'],
  });
  expect(await begun()).toBe(1);
});

it('a run that was cancelled in the meantime is not reported, and nothing that its agent left is kept', async () => {
  const id = await begin('files');
  await endUnheard();
  await server.call('POST', `/r/tasks/${id}/cancel`);
  await mkdir(join(folder, 'work/bundles/.incoming-1/a'), { recursive: true });
  await killAndStartNext();
  await until(async () => (await inWorkDir('runs')).length + (await inWorkDir('reports')).length === 0);
  expect(await task(id)).toMatchObject({ task_status: 'cancelled' });
  expect(await inWorkDir('bundles')).toEqual([]);
});
