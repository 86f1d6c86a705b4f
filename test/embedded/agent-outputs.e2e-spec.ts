import { spawnSync } from 'node:child_process';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { cleanEnvironment } from '../../src/agent/processes/process-groups.js';
import { Database } from '../../src/runtime/database/index.js';
import { McpHttp } from '../support/mcp-http.js';
import { startMcp } from '../support/mcp-application.js';
import { until } from '../support/processes.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { strangeAgent } from '../e2e/agent-support/strange-agent.js';
import { BOOTSTRAP_KEY, PretendAgent, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const ID = '1234567890123456789';
const hasPython = spawnSync('python3', ['--version'], { env: cleanEnvironment('/tmp', '/tmp') }).status === 0;

const python = shellWorkflow('snake', 'x').replace(
  /run:[\s\S]*/,
  `run:
        script:
          language: python
          code: |
            import json, sys
            json.dump({"major": sys.version_info[0]}, open("output/result.json", "w"))
`,
);

const files = {
  'bigint.yaml': shellWorkflow('bigint', `echo working\necho '{"id": ${ID}}' > output/result.json`),
  'odd-names.yaml': shellWorkflow(
    'odd-names',
    String.raw`cd output; echo 1 > a_b.txt; printf 2 > "$(printf "a\tb.txt")"; echo 3 > "$(printf "caf\351.txt")"`,
  ),
  'many.yaml': shellWorkflow('many', 'cd output; for i in 1 2 3 4 5 6; do echo > $i; done', { retries: 5 }),
  'tqdm.yaml': shellWorkflow(
    'tqdm',
    String.raw`for i in $(seq 1 60); do printf "\rstep %d/60 |%s| " $i "$(printf "#%.0s" $(seq 1 80))"; done >&2
printf "Traceback: the real error\n" >&2; exit 1`,
  ),
  'talkative.yaml': shellWorkflow('talkative', 'seq 1 20000; echo "the end"'),
  'quiet.yaml': shellWorkflow('quiet', 'true'),
  'snake.yaml': python,
  'seed.yaml': shellWorkflow('seed', 'true').replace(
    'timeout:',
    `input:
  schema:
    document:
      type: object
      properties: { seed: { type: integer, minimum: 0, maximum: 18446744073709551615 } }
timeout:`,
  ),
};

let server: RuntimeServer;
beforeAll(async () => {
  server = await RuntimeServer.start(files, { env: { CYBERUN_FILES_OUTPUT_COUNT: '5' } });
});
afterAll(() => server[Symbol.asyncDispose]());

const task = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
const ended = async (slug: string): Promise<string> => {
  const id = await server.submit(slug, {});
  await until(async () => ['completed', 'failed'].includes((await task(id)).task_status));
  return id;
};
const textOf = async (path: string): Promise<Response> =>
  fetch(`${server.origin}/api/v1${path}`, { headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` } });

it('REST, events and MCP clients get every integer of a result as the run wrote it', async () => {
  await using _agent = await TestAgent.start(server);
  const id = await ended('bigint');
  const rest = await (await textOf(`/r/tasks/${id}/result`)).text();
  expect(rest).toContain(`"task_output":{"id":${ID}}`);
  expect(await (await textOf(`/r/tasks/${id}/events`)).text()).toContain(`"output":{"id":${ID}}`);
  await using mcp = await startMcp(`${server.origin}/api/v1`);
  const client = new McpHttp({ url: mcp.endpoint }, BOOTSTRAP_KEY);
  const call = { name: 'get_task_result', arguments: { task_id: id } };
  const modern = await (await client.stateless('tools/call', call)).text();
  const session = await client.open();
  const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: call };
  const legacy = await (await client.ask(session, request)).text();
  for (const text of [modern, legacy]) {
    expect(text).toContain(`"task_output":{"id":${ID}}`);
    expect(text).toContain(String.raw`\"task_output\":{\"id\":${ID}}`);
    expect(text).toContain(String.raw`"task_log":"working\n"`);
  }
});

it('the server still parses large numbers outside of results as usual', async () => {
  await using mcp = await startMcp(`${server.origin}/api/v1`);
  const client = new McpHttp({ url: mcp.endpoint }, BOOTSTRAP_KEY);
  const call = { name: 'get_workflow_by_slug', arguments: { workflow_slug: 'seed' } };
  expect(await (await client.stateless('tools/call', call)).text()).toContain('"max":18446744073709552000');
});

it('the runtime stores outputs under valid, different names, each with its own content', async () => {
  await using _agent = await TestAgent.start(server);
  const id = await ended('odd-names');
  const { body } = await server.get(`/r/tasks/${id}/result`);
  expect(body.task_status).toBe('completed');
  const contents = await Promise.all(
    Object.entries(body.download_urls as Record<string, string>).map(async ([name, url]) => [
      name,
      await (await fetch(url)).text(),
    ]),
  );
  expect(Object.fromEntries(contents)).toEqual({ 'a_b.txt': '1\n', 'a_b-2.txt': '2', 'café.txt': '3\n' });
  expect(body.task_warnings).toHaveLength(2);
});

it('a run with too many output files fails at once without a retry', async () => {
  await using _agent = await TestAgent.start(server);
  expect(await task(await ended('many'))).toMatchObject({
    task_status: 'failed',
    attempt_count: 1,
    task_error: expect.stringContaining('6 files in output/, and at most 5 are kept of one task'),
  });
});

it('the runtime stores 11,000 outputs of one task', async () => {
  const { db } = server.app.get(Database, { strict: false });
  const { team_id } = await db.selectFrom('workflow').select('team_id').limit(1).executeTakeFirstOrThrow();
  const agent = new PretendAgent(server, team_id);
  await agent.connect();
  const id = await server.submit('quiet', {});
  const stored = Array.from({ length: 11_000 }, (_, index) => ({
    file: { name: `${index}.txt`, size: 1, content_type: 'text/plain' },
    fileKey: `outputs/${index}`,
  }));
  await server.runs.completed(await agent.take(), null, stored);
  await agent.disconnect();
  const rows = await db.selectFrom('task_file').select('file_name').where('task_id', '=', id).execute();
  expect(rows).toHaveLength(11_000);
});

it('the error of a failed run begins with the message behind a progress bar', async () => {
  await using _agent = await TestAgent.start(server);
  const { task_error } = await task(await ended('tqdm'));
  expect(task_error).toMatch(
    /^Traceback: the real error\nStep work ended with exit code 1\.\nThe end of its stderr:\nstep 60\/60 \|#+\| \nTraceback: the real error$/,
  );
});

it('a result includes the end of the log', async () => {
  await using _agent = await TestAgent.start(server);
  const id = await ended('talkative');
  const { task_log } = (await server.get(`/r/tasks/${id}/result`)).body;
  expect(task_log).toMatch(/^\[earlier lines: GET \/r\/tasks\/{id}\/logs\]\n\d+\n(\d+\n)+the end\n$/);
  expect(task_log.length).toBeLessThan(4200);
  const { log_list } = (await server.get(`/r/tasks/${id}/logs?tail=3`)).body;
  expect(log_list.map(({ text }: { text: string }) => text)).toEqual(['19999', '20000', 'the end']);
});

it.runIf(hasPython)('a workflow in Python runs on an agent with the label python', async () => {
  await using _agent = await TestAgent.start(server);
  const { body } = await server.get('/r/agents');
  expect(body.agent_list[0].agent_labels).toEqual(['local', 'python']);
  const id = await ended('snake');
  expect((await server.get(`/r/tasks/${id}/result`)).body.task_output).toEqual({ major: 3 });
});

it('a workflow in Python waits while no agent has Python', async () => {
  await using _agent = await strangeAgent(server, []);
  const id = await server.submit('snake', {});
  await until(async () => (await task(id)).task_status === 'waiting');
  expect((await server.call('POST', `/r/tasks/${id}/cancel`)).status).toBe(200);
  expect((await server.events(id)).map(({ data }) => data['message'])).toContain(
    'no connected agent has the labels local, python (agents that have a working python3 are labelled python)',
  );
});

const started = JSON.stringify({ type: 'started' });
const deep = `{"type":"completed","files":[],"output":${'['.repeat(101)}${']'.repeat(101)}}`;
const outputs = JSON.stringify({
  type: 'outputs',
  files: Array.from({ length: 6 }, (_, index) => ({ name: `${index}`, size: 1, content_type: 'a/b' })),
});
it.each([
  ['sends what is not JSON', 'nonsense', /^Agent strange reported this run in a way that the runtime cannot/],
  ['reports what there is not', '{"type":"danced"}', /^Agent strange reported this run in a way/],
  ['leaves too many files', outputs, /^The run left more than 5 files, which is the most that is kept/],
  ['has a result that is too deep', deep, /^The result of the run is nested more than 100 levels deep\./],
])('a run fails once, with a sentence, when its agent %s', async (_what, line, sentence) => {
  await using _agent = await strangeAgent(server, [started, line]);
  expect(await task(await ended('many'))).toMatchObject({
    task_status: 'failed',
    attempt_count: 1,
    task_error: expect.stringMatching(sentence),
  });
});
