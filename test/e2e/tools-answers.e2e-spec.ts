import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLIENTS, type StoryClient } from '../support/clients.js';
import { EVERY_TOOL, friendlyRuntime, type ToolCall } from '../support/every-tool.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { serviceSample, TASK_ID, WORKFLOW_ID, workflowSample } from '../support/runtime-samples.js';

const KEY = 'sk-answers-0123456789';

let runtime: MockRuntime;
let application: McpApplication;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  application = await startMcp(runtime.url);
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

/** What the masking leaves of an answer. */
const shown = ({ answer }: ToolCall): unknown =>
  JSON.parse(
    JSON.stringify(answer)
      .replaceAll('planted-env-secret', '[hidden]')
      .replaceAll('/home/planted-host-path', '[hidden]'),
  );

describe.each(CLIENTS)('with $name', ({ connect }) => {
  let client: StoryClient;

  beforeAll(async () => {
    client = await connect({ endpoint: application.endpoint, key: KEY });
    await client.listTools();
  });
  afterAll(() => client[Symbol.asyncDispose]());

  it.each(EVERY_TOOL)('$name returns what the runtime answers, unknown fields included', async (call) => {
    runtime.on(call.route, { status: call.status ?? 200, json: call.answer });
    const result = await client.call(call.name, call.args);
    expect(result.isError).toBeFalsy();
    const { untrusted: _mark, ...answer } = result.structuredContent ?? {};
    expect(answer).toEqual(shown(call));
    expect(runtime.requests(call.route).at(-1)?.headers).toMatchObject({ authorization: `Bearer ${KEY}` });
  });
});

describe('a tool', () => {
  let client: StoryClient;

  beforeAll(async () => {
    const [first] = CLIENTS;
    if (!first) throw new Error('no client');
    client = await first.connect({ endpoint: application.endpoint, key: KEY });
  });
  afterAll(() => client[Symbol.asyncDispose]());

  it.each([
    ['the parameters', { prompt: 'x' }, { parameters: { prompt: 'x' } }],
    ['the REST body', { parameters: { prompt: 'x' } }, { parameters: { prompt: 'x' } }],
    ['nothing', undefined, { parameters: {} }],
  ])('a tool accepts %s as the body of a run', async (_name, body, sent) => {
    runtime.on('GET /r/workflows/:id', { json: workflowSample });
    runtime.on('POST /r/workflows/:id/run', { status: 202, json: { task_id: TASK_ID } });
    await client.call('run_workflow', { workflow_id: WORKFLOW_ID, ...(body && { body }) });
    expect(runtime.requests('POST /r/workflows/:id/run').at(-1)?.body).toEqual(sent);
  });

  it('a tool lists the services of all pages', async () => {
    const page = (count: number, from: number) => ({
      json: {
        service_list: Array.from({ length: count }, (_none, index) => serviceSample(`s-${from + index}`)),
        page_meta: { current_page: 1, per_page: 100, total_count: 130 },
      },
    });
    runtime.on('GET /r/containers', page(100, 0), page(30, 100));
    const { structuredContent } = await client.call('list_container_services', {});
    expect(structuredContent?.['service_list']).toHaveLength(130);
    expect(runtime.requests('GET /r/containers').slice(-2)).toMatchObject([
      { query: { current_page: '1' } },
      { query: { current_page: '2' } },
    ]);
  });

  it('a tool sends slug@version to the runtime with the @ unencoded', async () => {
    runtime.on('GET /r/workflows/slug/:slug', { json: workflowSample });
    await client.call('get_workflow_by_slug', { workflow_slug: 'a-b@2' });
    expect(runtime.seen.at(-1)?.path).toBe('/r/workflows/slug/a-b@2');
  });
});
