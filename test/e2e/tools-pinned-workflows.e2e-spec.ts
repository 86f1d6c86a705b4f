import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';

import { CLIENTS, type StoryClient, validatingClient } from '../support/clients.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { allOf, McpHttp, type Message } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import {
  resultSample,
  TASK_ID,
  taskSample,
  WORKFLOW_ID,
  workflowSample,
} from '../support/runtime-samples.js';

const READER = 'sk-reader-0123456789abcdef';
const LIST = 'GET /r/workflows';
const RUN = 'POST /r/workflows/:id/run';
const parameters_schema = {
  type: 'object',
  required: ['prompt'],
  properties: { prompt: { type: 'string' }, size: { anyOf: [{ type: 'integer' }, { type: 'string' }] } },
};

let runtime: MockRuntime;
let application: McpApplication;
let endpoint: string;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  application = await startMcp(runtime.url, { CYBERUN_MCP_TOOLSETS: 'workflow-tools' });
  endpoint = `${application.endpoint}?toolsets=workflow-tools`;
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});
beforeEach(() => has('workflow-tools', pinned('sd-portrait-v2')));

const pinned = (workflow_slug: string, more: object = {}): object => ({
  ...workflowSample,
  workflow_slug,
  description: 'Paints a portrait',
  is_tool: true,
  parameters_schema,
  ...more,
});

/** The runtime has these features, and these workflows when it is asked for tools. */
function has(features: string, ...tools: object[]): void {
  runtime.on(LIST, ({ query, headers }, response) => {
    const workflow_list = query['is_tool'] === 'true' ? tools : [];
    const permissions = String(headers.authorization).includes(READER) ? '' : 'run';
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Cyberun-Features': features,
      'Cyberun-Permissions': permissions,
    });
    response.end(JSON.stringify({ workflow_list }));
  });
}

/** A key of its own, so that nothing is known of its tools. */
let keys = 0;
const newKey = (): string => `sk-test-0123456789-${(keys += 1)}`;
const names = async (client: StoryClient): Promise<string[]> =>
  (await client.listTools()).filter((name) => name.startsWith('run_') && !name.startsWith('run_workflow'));

it.each(CLIENTS)(
  '$name runs a workflow by a tool of its own, and waits for its result',
  async ({ connect }) => {
    await using plain = await connect({ endpoint: application.endpoint, key: KEY });
    expect(await names(plain)).toEqual([]);
    await using client = await connect({ endpoint, key: KEY });
    expect(await names(client)).toEqual(['run_sd_portrait_v2']);
    const headers = { 'Cyberun-Features': 'workflow-tools' };
    runtime.on(RUN, { status: 202, json: { task_id: TASK_ID }, headers });
    runtime.on('GET /r/tasks/:id', { json: taskSample('completed'), headers });
    runtime.on('GET /r/tasks/:id/result', { json: resultSample, headers });
    const { structuredContent } = await client.call('run_sd_portrait_v2', { prompt: 'a cat', size: 3 });
    expect(structuredContent).toMatchObject({ task_id: TASK_ID, task_output: resultSample.task_output });
    expect(runtime.requests(RUN).at(-1)).toMatchObject({
      path: `/r/workflows/${WORKFLOW_ID}/run`,
      body: { parameters: { prompt: 'a cat', size: 3 } },
    });
  },
);

it('the tool of a workflow has its schema as it is, and says what it runs', async () => {
  const response = await new McpHttp({ url: endpoint }).stateless('tools/list');
  const { result } = (await response.json()) as Message;
  expect(result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
  const tools = (result?.tools ?? []) as readonly { readonly name: string; readonly outputSchema?: object }[];
  const tool = tools.find(({ name }) => name === 'run_sd_portrait_v2');
  const target = tools.find(({ name }) => name === 'run_workflow');
  expect(tool).toEqual({
    name: 'run_sd_portrait_v2',
    title: 'SD 1.5 Portrait Generator',
    description:
      'Paints a portrait. Runs the workflow sd-portrait-v2 and waits up to 45 s for its result; a longer run goes on, and stream_task_events follows it.',
    inputSchema: parameters_schema,
    outputSchema: target?.outputSchema,
    annotations: {
      title: 'SD 1.5 Portrait Generator',
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: false,
      openWorldHint: true,
    },
  });
});

it('a key that may not run workflows has no such tools, and a call of one is refused', async () => {
  await using client = await validatingClient({ endpoint, key: READER });
  expect(await names(client)).toEqual([]);
  const { structuredContent } = await client.call('run_sd_portrait_v2', { prompt: 'x' });
  expect(structuredContent?.['error_message']).toContain('lacks the permission "run"');
});

it('the tool of a workflow that wants a confirmation says which tool takes it, to a client that cannot ask', async () => {
  const confirm = 'It takes a GPU for an hour.';
  runtime.on(RUN, { status: 428, json: { error_message: 'wants a confirmation' } });
  runtime.on('GET /r/workflows/:id', { json: { ...workflowSample, confirm } });
  await using client = await validatingClient({ endpoint, key: newKey() });
  const { structuredContent } = await client.call('run_sd_portrait_v2', { prompt: 'a cat' });
  const slug = workflowSample.workflow_slug;
  expect(structuredContent?.['error_message']).toContain(
    `Ask the user: Run "${workflowSample.display_name}" (${slug}@3)? ${confirm} If they agree, call run_workflow_by_slug with workflow_slug "${slug}", the same parameters in body, and confirm: "`,
  );
  const [, code] = /confirm: "([\w-]+)"/.exec(String(structuredContent?.['error_message'])) ?? [];
  const headers = { 'Cyberun-Features': 'confirm, workflow-tools' };
  runtime.on('GET /r/workflows/slug/:slug', { json: { ...workflowSample, confirm }, headers });
  runtime.on('POST /r/workflows/slug/:slug/run', { status: 202, json: { task_id: TASK_ID }, headers });
  const accepted = await client.call('run_workflow_by_slug', {
    workflow_slug: slug,
    body: { prompt: 'a cat' },
    confirm: code,
  });
  expect(accepted.structuredContent).toMatchObject({ task_id: TASK_ID });
  expect(runtime.requests('POST /r/workflows/slug/:slug/run')).toMatchObject([
    { path: `/r/workflows/slug/${slug}@3/run`, body: { parameters: { prompt: 'a cat' } } },
  ]);
});

it('workflows whose tools would have one name, or that of another tool, are no tools, and a call says why', async () => {
  has(
    'workflow-tools',
    pinned('a-b'),
    pinned('a.b'),
    pinned('workflow'),
    pinned('c'),
    pinned('d'.repeat(61)),
  );
  await using client = await validatingClient({ endpoint, key: newKey() });
  expect(await names(client)).toEqual(['run_c']);
  const reason =
    'No tool is made for run_a_b, the name of the workflow a-b and the workflow a.b. Rename one.';
  await expect(client.call('run_a_b')).rejects.toThrow(reason);
  expect(application.log()).toContain(reason);
  expect(application.log()).toContain(
    'No tool is made for run_workflow, the name of another tool of this server and the workflow workflow.',
  );
});

it('a Runtime API without such workflows is named as the reason, in the list and in a call', async () => {
  has('task-filters');
  for (const { connect } of CLIENTS) {
    await using client = await connect({ endpoint, key: newKey() });
    await expect(client.listTools()).rejects.toThrow(
      'This Runtime API has no workflows that are tools of their own. Connect without the toolset workflow-tools',
    );
    await expect(client.call('run_sd_portrait_v2')).rejects.toThrow('could not be listed');
    expect((await client.call('list_workflows')).isError).not.toBe(true);
  }
});

it('while the runtime is away, a client keeps the tools that it had', async () => {
  const key = newKey();
  await using client = await validatingClient({ endpoint, key });
  expect(await names(client)).toEqual(['run_sd_portrait_v2']);
  runtime.on(LIST, { status: 503, json: { error_message: 'not now' } });
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 6000);
  onTestFinished(() => clock.mockRestore());
  runtime.seen.length = 0;
  expect(await names(client)).toEqual(['run_sd_portrait_v2']);
  expect(runtime.requests(LIST)).not.toEqual([]);
});

it('a Runtime API that has no such workflows any longer is named as the reason, and what was known is not kept', async () => {
  await using client = await validatingClient({ endpoint, key: newKey() });
  expect(await names(client)).toEqual(['run_sd_portrait_v2']);
  has('task-filters');
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 6000);
  onTestFinished(() => clock.mockRestore());
  await expect(client.listTools()).rejects.toThrow('has no workflows that are tools of their own');
});

it('a key that the runtime refuses while a change of its tools is looked for has its streams ended', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const http = new McpHttp({ url: endpoint }, newKey());
  const stream = await http.listen(await http.open());
  const subscription = await http.stateless('subscriptions/listen', {
    notifications: { toolsListChanged: true },
  });
  runtime.on(LIST, { status: 401, json: { error_message: 'revoked' } });
  await vi.advanceTimersByTimeAsync(5000);
  expect(await allOf(stream)).toEqual([]);
  expect(await allOf(subscription)).toMatchObject([{ method: 'notifications/subscriptions/acknowledged' }]);
});
