import { assert, asyncProperty, constantFrom, jsonValue, oneof, pre, string } from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { GlossaryModule } from '../fixtures/glossary/glossary.module.js';
import { CLIENTS, type StoryClient, type ToolResult } from '../support/clients.js';
import { EVERY_TOOL, friendlyRuntime } from '../support/every-tool.js';
import { KEY, McpApp } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import type { MockRuntime, SeenRequest } from '../support/mock-runtime.js';
import { TASK_ID, WORKFLOW_ID, workflowSample } from '../support/runtime-samples.js';

const RUN = 'POST /r/workflows/slug/:slug/run';

let runtime: MockRuntime;
let application: McpApplication;
let client: StoryClient;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  for (const { route, answer, status = 200 } of EVERY_TOOL) runtime.on(route, { status, json: answer });
  application = await startMcp(runtime.url);
  client = await connected(application.endpoint);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

function connected(endpoint: string): Promise<StoryClient> {
  const [first] = CLIENTS;
  if (!first) throw new Error('no client');
  return first.connect({ endpoint, key: KEY });
}

/** Requests of tools; the key is checked by listing one workflow. */
const asked = (): SeenRequest[] =>
  runtime.seen.filter(({ path, query }) => path !== '/r/workflows' || query['per_page'] !== '1');

function messageOf({ isError, structuredContent }: ToolResult): unknown {
  expect(isError).toBe(true);
  return structuredContent?.['error_message'];
}

const slug = 'sd-portrait-v2';

it.each<[string, object, RegExp]>([
  [
    'run_workflow_by_slug',
    { workflow_slug: slug, parameters: { prompt: 'x' } },
    /parameters: no such argument; put it into body\..*takes workflow_slug \(required\), body/,
  ],
  ['run_workflow_by_slug', { workflow_slug: slug, prompt: 'x' }, /prompt: .*put it into body/],
  ['run_workflow', { workflow_id: WORKFLOW_ID, prompt: 'x' }, /prompt: .*put it into body/],
  [
    'run_workflow',
    { workflow_id: WORKFLOW_ID, body: { ['__proto__']: { prompt: 'x' } } },
    /body: __proto__ is not a name/,
  ],
  [
    'list_tasks',
    { state: 'failed' },
    /state: no such argument; nearest is status \(Only tasks in this state\)/,
  ],
  ['list_tasks', { page: 2 }, /page: .*per_page.*current_page|page: .*current_page.*per_page/],
  ['list_agents', { constructor: 1 }, /constructor: no such argument; leave it out/],
  [
    'call_container_service',
    { service_slug: 'my-llm', method: 'POST', path: '/', body: { a: 1 } },
    /body: .*nearest is body_base64 \(Request body in base64/,
  ],
  [
    'presign_file_upload',
    { file_name: 'a.png', body: {} },
    /file_name: no such argument here; it belongs into body/,
  ],
  [
    'presign_file_upload',
    { body: { file_name: 'a', file_size: 1, content_type: 'a/b', mime: 'a/b' } },
    /body\.mime: .*body takes file_name \(required\), file_size/,
  ],
  [
    'list_container_services',
    { service_slug: 'x' },
    /service_slug: no such argument; leave it out\. The tool takes query/,
  ],
  ['get_task', { id: TASK_ID }, /id: .*nearest is task_id.*task_id: required/],
])(
  'an unknown argument of %s is rejected without a request to the runtime: %j',
  async (name, args, message) => {
    const before = asked().length;
    expect(messageOf(await client.call(name, args))).toMatch(message);
    expect(asked()).toHaveLength(before);
  },
);

it('an unknown argument with any name and value is rejected', () =>
  assert(
    asyncProperty(
      constantFrom(...EVERY_TOOL),
      oneof(string({ minLength: 1 }), constantFrom('__proto__', 'toString', 'x'.repeat(5000))),
      jsonValue(),
      async ({ name, args }, key, value) => {
        pre(!Object.hasOwn(args, key) && !OPTIONAL.has(key));
        const before = asked().length;
        const given = Object.fromEntries([...Object.entries(args), [key, value]]);
        const message = messageOf(await client.call(name, given));
        expect(message).toMatch(/: no such argument|__proto__:? is not a name/);
        expect(String(message).length).toBeLessThan(1500);
        expect(asked()).toHaveLength(before);
      },
    ),
    { numRuns: 40 },
  ));

it.each<[object, RegExp]>([
  [{ parameters: { prompt: 'x' }, seed: 7, steps: 2 }, /body\.seed: .*body\.parameters; body\.steps: /],
  [{ parameters: 'prompt=x' }, /body\.parameters: must be an object/],
])('an unknown field in the body of a run is rejected: %j', async (body, message) => {
  const before = runtime.requests(RUN).length;
  runtime.on('GET /r/workflows/slug/:slug', { json: workflowSample });
  const result = await client.call('run_workflow_by_slug', { workflow_slug: slug, body });
  expect(messageOf(result)).toMatch(message);
  expect(runtime.requests(RUN)).toHaveLength(before);
});

/** Names that a tool takes beside those of its example. */
const OPTIONAL = new Set(
  `body current_page per_page status statuses timeout_seconds random_string query workflow_slug created_after
  response_format wait_seconds idempotency_key like_task_id output_path output_offset files_offset headers body_text
  body_json prefer`.split(/\s+/),
);

it('the error names all faults of a call together', async () => {
  const args = { service_slug: '../x', metod: 'GET', path: 'v1', headers: { A: 1 }, body_base64: '%' };
  const message = messageOf(await client.call('call_container_service', args));
  for (const field of ['metod', 'method', 'service_slug', 'path', 'headers.A', 'body_base64']) {
    expect(message).toContain(`${field}: `);
  }
});

it('the error for a misspelt value names the nearest allowed one', async () =>
  expect(messageOf(await client.call('list_tasks', { status: 'canceled' }))).toContain(
    'nearest is "cancelled"',
  ));

it('null for an optional argument means absent', async () => {
  const args = { current_page: null, per_page: 2, status: null };
  expect((await client.call('list_tasks', args)).isError).toBeFalsy();
  expect(runtime.requests('GET /r/tasks').at(-1)?.query).toEqual({ per_page: '2' });
});

it('null for a required argument is an error', async () =>
  expect(messageOf(await client.call('get_task', { task_id: null }))).toMatch(/task_id: /));

it('a client may send a number or an object as JSON text', async () => {
  await client.call('list_tasks', { current_page: '3' });
  expect(runtime.requests('GET /r/tasks').at(-1)?.query).toEqual({ current_page: '3' });
  await client.call('run_workflow_by_slug', { workflow_slug: 'x', body: '{"prompt":"{}"}' });
  expect(runtime.requests(RUN).at(-1)?.body).toEqual({ parameters: { prompt: '{}' } });
});

it('a client may send the parameters of a run as JSON text', async () => {
  runtime.on('GET /r/workflows/slug/:slug', { json: workflowSample });
  await client.call('run_workflow_by_slug', { workflow_slug: 'x', body: { parameters: '{"prompt":"y"}' } });
  expect(runtime.requests(RUN).at(-1)?.body).toEqual({ parameters: { prompt: 'y' } });
});

it('JSON text stays text for a text argument', async () =>
  expect(messageOf(await client.call('get_task', { task_id: '7' }))).toMatch(/task_id: must be a UUID/));

it('JSON text that is nested too deep stays text', async () => {
  const body = `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`;
  const args = { workflow_slug: 'x', body };
  expect(messageOf(await client.call('run_workflow_by_slug', args))).toMatch(/body: .*object/);
});

it('a tool without inputs takes the one argument that Cursor invents', async () => {
  const result = await client.call('list_container_services', { random_string: 'x' });
  expect(result.isError).toBeFalsy();
  expect(messageOf(await client.call('list_tasks', { random_string: 'x' }))).toMatch(/random_string: /);
});

it('tools of other modules get the same checks, also those whose method has no parameter for arguments', async () => {
  await using app = await McpApp.start({ modules: [GlossaryModule] });
  await using other = await connected(app.url);
  expect(messageOf(await other.call('get_term', { term: 'a' }))).toMatch(
    /term: no such argument.*word: required \(The word, as people say it\).*takes word \(required\)/,
  );
  expect(messageOf(await other.call('list_terms', { word: 'a' }))).toMatch(/word: no such argument/);
  expect((await other.call('list_terms', { random_string: 'a' })).structuredContent).toEqual({ words: [] });
});
