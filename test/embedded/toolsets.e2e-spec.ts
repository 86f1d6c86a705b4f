import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { type StoryClient, validatingClient } from '../support/clients.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { McpHttp, messagesOf, nextOf } from '../support/mcp-http.js';

/** Counts the lines of a file, and keeps a copy of it. */
const COUNT = shellWorkflow(
  'count-lines',
  'echo counting >&2; cp "$1" "$CYBERUN_OUTPUT_DIR/copy.txt"; wc -l < "$1"',
)
  .replace(
    'do:',
    `input:
  schema:
    document:
      type: object
      required: [text]
      properties:
        text: { type: string, format: file }
do:`,
  )
  .concat("          arguments: ['${ .text }']\n");

let server: RuntimeServer;
let agent: TestAgent;
let application: McpApplication;
let client: StoryClient;

beforeAll(async () => {
  server = await RuntimeServer.start({ 'count-lines.yaml': COUNT });
  agent = await TestAgent.start(server);
  application = await startMcp(`${server.origin}/api/v1`, {
    CYBERUN_MCP_TOOLSETS: 'logs,files,workflow-tools',
  });
  client = await validatingClient({ endpoint: `${application.endpoint}?toolsets=all`, key: BOOTSTRAP_KEY });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await application[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it('a client without a shell uploads a text, runs a workflow on it, and reads its log and its output', async () => {
  const text = Array.from({ length: 6000 }, (_, index) => `line ${index}: äöü\n`).join('');
  // A small text is stored by the runtime itself, a large one by an upload link.
  const small = await client.call('upload_file', { file_name: 'small.txt', text: 'one line\n' });
  expect(small.structuredContent).toMatchObject({ file_key: expect.any(String), file_size: 9 });
  const file = await client.call('upload_file', { file_name: 'lines.txt', text });
  expect(file.structuredContent).toMatchObject({ file_size: Buffer.byteLength(text) });
  const run = await client.call('run_workflow_by_slug', {
    workflow_slug: 'count-lines',
    body: { text: file.structuredContent?.['file_key'] },
    wait_seconds: 45,
  });
  expect(run.structuredContent).toMatchObject({ task_status: 'completed' });
  const task_id = run.structuredContent?.['task_id'];

  const { structuredContent: log } = await client.call('get_task_log', { task_id });
  expect(log).toMatchObject({ task_status: 'completed', has_more: false });
  expect(log?.['log']).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ step: 'work', stream: 'stderr', text: 'counting' }),
      expect.objectContaining({ step: 'work', stream: 'stdout', text: expect.stringMatching(/^ *6000$/) }),
    ]),
  );
  const result = await client.call('get_task_result', { task_id, log_tail: 2 });
  expect(result.structuredContent?.['task_log']).toMatch(/^ *6000$/m);

  let read = '';
  for (let offset: unknown = 0; offset !== undefined;) {
    const { structuredContent: part } = await client.call('read_output', {
      task_id,
      name: 'copy.txt',
      offset,
    });
    read += String(part?.['text']);
    offset = part?.['next_offset'];
  }
  expect(read).toBe(text);
});

const tool = (properties = ''): string => echoWorkflow('say-it', { metadata: '    tool: true', properties });
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
const CHANGED = { method: 'notifications/tools/list_changed' };

it('a workflow that is a tool is called as one, and clients at every replica are told when it changes', async () => {
  await using other = await startMcp(`${server.origin}/api/v1`, { CYBERUN_MCP_TOOLSETS: 'workflow-tools' });
  const at = ({ endpoint }: McpApplication): McpHttp =>
    new McpHttp({ url: `${endpoint}?toolsets=workflow-tools` }, BOOTSTRAP_KEY);
  const session = await at(application).open();
  const old = messagesOf(await at(application).listen(session));
  const params = { notifications: { toolsListChanged: true } };
  const modern = messagesOf(await at(other).stateless('subscriptions/listen', params));
  expect(await nextOf(modern)).toMatchObject({ method: ACKNOWLEDGED });
  expect(await client.listTools()).not.toContain('run_say_it');

  await writeFile(join(server.folder, 'say-it.yaml'), tool());
  expect(await nextOf(old)).toMatchObject(CHANGED);
  expect(await nextOf(modern)).toMatchObject(CHANGED);
  expect(await client.listTools()).toContain('run_say_it');
  const run = await client.call('run_say_it', { text: 'hello' });
  expect(run.structuredContent).toMatchObject({ task_status: 'completed' });
  const refused = await client.call('run_say_it', { txt: 'hello' });
  expect(refused.structuredContent?.['error_message']).toMatch(/text.*txt|txt.*text/);

  await writeFile(join(server.folder, 'say-it.yaml'), tool('        loud: { type: boolean }'));
  expect(await nextOf(old)).toMatchObject(CHANGED);
  expect(await nextOf(modern)).toMatchObject(CHANGED);
  const { body } = await server.get('/r/workflows?is_tool=true');
  expect(body.workflow_list).toEqual([
    expect.objectContaining({
      workflow_slug: 'say-it',
      version: 2,
      is_tool: true,
      parameters_schema: expect.objectContaining({ type: 'object' }),
    }),
  ]);
  expect((await server.get('/r/workflows?is_tool=no')).body).toMatchObject({
    error_message: expect.stringContaining('is_tool must be true'),
  });
  await old.return(undefined);
  await modern.return(undefined);
});
