import { randomUUID } from 'node:crypto';

import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { type StoryClient, type ToolResult, validatingClient } from '../support/clients.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import {
  pageMeta,
  serviceSample,
  taskSample,
  WORKFLOW_ID,
  workflowSample,
} from '../support/runtime-samples.js';

let runtime: MockRuntime;
let application: McpApplication;
let client: StoryClient;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  application = await startMcp(runtime.url);
  client = await validatingClient({ endpoint: application.endpoint, key: KEY });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});
beforeEach(() => {
  runtime.seen.length = 0;
});

const announce = async (features: string): Promise<void> => {
  const headers = { 'Cyberun-Features': features };
  runtime.on('GET /r/workflows', { json: { workflow_list: [workflowSample] }, headers });
  runtime.on('GET /r/tasks', { json: { task_list: [] }, headers });
  await client.call('list_workflows', {});
  runtime.seen.length = 0;
};
const errorOf = ({ structuredContent }: ToolResult): unknown => structuredContent?.['error_message'];

it('list_tasks gives twenty tasks in 1,500 tokens, each with its workflow, parameters and error', async () => {
  const states = ['completed', 'failed', 'running', 'waiting'];
  const task = (index: number) => ({
    ...taskSample(states[index % 4] ?? ''),
    id: randomUUID(),
    workflow_slug: 'text-statistics',
    created_at: '2026-11-28T14:00:00.123Z',
    parameters: index < 4 ? { text: 'the quick brown fox jumps over the lazy dog', words: 5 } : { words: 5 },
    task_error: index % 4 === 1 ? 'OutOfMemory: the picture is too large\nmore lines' : null,
    progress: index % 4 === 2 ? { progress: 0.4 } : null,
    status_reason: index % 4 === 3 ? 'no agent has gpu' : null,
    agent_id: 'gpu-01',
    agent_labels: ['gpu', 'local'],
  });
  const list = Array.from({ length: 20 }, (_, index) => task(index));
  runtime.on('GET /r/tasks', { json: { task_list: list, page_meta: pageMeta(4711) } });
  const { content, structuredContent } = await client.call('list_tasks', {});
  const [first, failed, running, waiting] = (structuredContent?.['task_list'] ?? []) as object[];
  const words = { text: 'the quick brown fox jum…', words: 5 };
  const common = { workflow_slug: 'text-statistics', created_at: '2026-11-28T14:00Z', parameters: words };
  expect(first).toEqual({ id: list[0]?.id, task_status: 'completed', ...common });
  expect(failed).toMatchObject({ ...common, task_error: 'OutOfMemory: the picture is too large' });
  expect(running).toMatchObject({ ...common, agent_id: 'gpu-01', progress: { progress: 0.4 } });
  expect(waiting).toMatchObject({ ...common, status_reason: 'no agent has gpu' });
  expect(structuredContent?.['page_meta']).toEqual(pageMeta(4711));
  const [text] = content;
  expect(countTokens(String(text?.['text']))).toBeLessThanOrEqual(1500);
});

it('list_tasks shortens long and nested parameters and keeps the digits of numbers', async () => {
  const parameters = '{"list":[1,2],"map":{"a":1},"id":12345678901234567890,"d":1,"e":2,"f":3,"g":4}';
  runtime.on('GET /r/tasks', (_request, response) =>
    response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end(`{"task_list":[{"id":"a","task_status":"completed","parameters":${parameters}}]}`),
  );
  const [text] = (await client.call('list_tasks', {})).content;
  expect(text).toMatchObject({
    text: '{"task_list":[{"id":"a","task_status":"completed","parameters":{"list":"[2 items]","map":"{1 fields}","id":12345678901234567890,"d":1,"e":2,"…":"2 more"}}]}',
  });
});

it('list_tasks sends its filters where the runtime announces them', async () => {
  await announce('task-filters');
  const created_after = '2026-01-31T08:00:00+01:00';
  const filters = { workflow_slug: 'mandelbrot', created_after };
  await client.call('list_tasks', { statuses: ['failed', 'cancelled'], ...filters });
  await client.call('list_tasks', { status: 'failed', statuses: ['failed'] });
  const queries = runtime.requests('GET /r/tasks').map(({ query }) => query);
  expect(queries).toEqual([{ status: 'failed,cancelled', ...filters }, { status: 'failed' }]);
});

it.each<[string, object]>([
  ['list_tasks', { statuses: ['failed', 'cancelled'] }],
  ['list_tasks', { workflow_slug: 'mandelbrot' }],
  ['list_tasks', { created_after: '2026-01-31T08:00:00Z' }],
  ['list_workflows', { query: 'picture' }],
])('%s with %j is refused with a sentence where the runtime lacks the feature', async (name, args) => {
  await announce('of-tomorrow');
  const result = await client.call(name, args);
  expect(result.isError).toBe(true);
  expect(errorOf(result)).toMatch(/^This Runtime API .* look through the pages\.$/);
  expect(runtime.seen).toEqual([]);
});

it.each<[object, RegExp]>([
  [{ created_after: '2026-01-31T08:00:00' }, /created_after: must be a time with a zone/],
  [{ created_after: 'yesterday' }, /created_after: must be a time with a zone/],
  [{ statuses: ['done'] }, /statuses.*completed/],
])('list_tasks refuses %j and says what it takes', async (args, words) => {
  expect(errorOf(await client.call('list_tasks', args))).toMatch(words);
});

it('list_workflows shows what a workflow is for, and whether it can run', async () => {
  await announce('workflow-query');
  const disabled = { ...workflowSample, workflow_status: 'disabled', description: 'x'.repeat(300) };
  runtime.on('GET /r/workflows', { json: { workflow_list: [workflowSample, disabled] } });
  const { structuredContent } = await client.call('list_workflows', { query: 'portrait' });
  const shown = {
    id: WORKFLOW_ID,
    workflow_slug: 'sd-portrait-v2',
    display_name: 'SD 1.5 Portrait Generator',
    required_labels: ['gpu', 'sd15'],
  };
  const description = `${'x'.repeat(199)}…`;
  expect(structuredContent?.['workflow_list']).toEqual([
    shown,
    { ...shown, description, workflow_status: 'disabled' },
  ]);
  expect(runtime.seen.map(({ query }) => query['query'])).toContain('portrait');
});

it('list_agents and list_container_services show what can run and be called', async () => {
  const agent = { agent_id: 'gpu-01', agent_status: 'idle', agent_labels: ['gpu'], of_tomorrow: 1 };
  runtime.on('GET /r/agents', { json: { agent_list: [agent] } });
  const failure = { reason: 'exited with code 1', log_lines: ['a'] };
  const { env_config: _env, volume_config: _volumes, ...rest } = serviceSample();
  const service = { ...rest, usage_prompt: 'x'.repeat(300), last_failure: failure };
  runtime.on('GET /r/containers', { json: { service_list: [service] } });
  expect((await client.call('list_agents', {})).structuredContent).toEqual({
    agent_list: [{ agent_id: 'gpu-01', agent_status: 'idle', agent_labels: ['gpu'] }],
  });
  expect((await client.call('list_container_services', {})).structuredContent).toEqual({
    service_list: [
      { ...service, usage_prompt: `${'x'.repeat(199)}…`, last_failure: { reason: 'exited with code 1' } },
    ],
  });
});

it('list_container_services finds services by words, and gives the names of many', async () => {
  const many = Array.from({ length: 90 }, (_, index) => serviceSample(`s-${index}`));
  const page_meta = { current_page: 1, per_page: 100, total_count: 90, total_pages: 1 };
  runtime.on('GET /r/containers', { json: { service_list: many, page_meta } });
  const listed = async (args: object) =>
    (await client.call('list_container_services', args)).structuredContent?.['service_list'];
  const { id, display_name, service_status } = serviceSample();
  expect(await listed({})).toEqual(
    many.map(({ service_slug }) => ({ id, service_slug, display_name, service_status })),
  );
  expect(await listed({ query: 'S-77 generate' })).toMatchObject([
    { service_slug: 's-77', exposed_port: 11434 },
  ]);
  const none = await client.call('list_container_services', { query: 'nothing' });
  expect(none.structuredContent).toMatchObject({ service_list: [], page_meta: { total_count: 0 } });
});
