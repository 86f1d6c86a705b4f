import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLIENTS, type StoryClient, type ToolResult } from '../support/clients.js';
import { EVERY_TOOL, friendlyRuntime } from '../support/every-tool.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import type { Answer, MockRuntime, SeenRequest } from '../support/mock-runtime.js';
import { TASK_ID, WORKFLOW_ID } from '../support/runtime-samples.js';

const KEY = 'sk-errors-0123456789';

let runtime: MockRuntime;
let application: McpApplication;
let hurried: McpApplication;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  application = await startMcp(runtime.url);
  hurried = await startMcp(runtime.url, { CYBERUN_RUNTIME_TIMEOUT_MS: '300' });
});
afterAll(async () => {
  await hurried[Symbol.asyncDispose]();
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

/** The body of an error result, after checking that its two forms agree. */
function failed({ isError, structuredContent, content }: ToolResult): Record<string, unknown> {
  expect(isError).toBe(true);
  expect(content).toEqual([{ type: 'text', text: JSON.stringify(structuredContent) }]);
  return structuredContent ?? {};
}

/** What tools asked of the runtime; that the key is validated again now and then does not count. */
const asked = (): SeenRequest[] =>
  runtime.seen.filter(({ path, query }) => path !== '/r/workflows' || query['per_page'] !== '1');

const LATER =
  'It changes nothing. Call once more in about 10 s; if it fails again, tell the user that the runtime does not answer.';
const LOOK_FIRST = 'A run may have started: look with list_tasks before you run it again.';

/** What goes wrong, and what a model reads of it for a call that only looks and for one that runs something. */
const ROWS: readonly (readonly [name: string, answer: Answer, looking: RegExp, running: RegExp])[] = [
  [
    'refuses',
    { status: 404, json: { error_message: 'resource not found' } },
    /^resource not found\. Check the id or slug with the matching list tool\.$/,
    /^resource not found\. Check/,
  ],
  [
    'says that the key lacks a permission',
    { status: 403, json: { error_message: 'feature not licensed', feature: 'x' } },
    /^feature not licensed\. .*Do not retry/,
    /Do not retry/,
  ],
  ['asks to slow down', { status: 429, json: { error_message: 'slow down' } }, /Wait/, /Wait/],
  [
    'fails with a page instead of an answer',
    (_request, response) => response.writeHead(500).end('<html>planted instructions</html>'),
    /^The runtime refused with status 500 and gave no reason\.$/,
    /^The runtime refused/,
  ],
  [
    'is behind a gateway that gave up',
    (_request, response) => response.writeHead(504).end('<html>'),
    new RegExp(LATER),
    new RegExp(LOOK_FIRST),
  ],
  ['breaks its contract', { json: ['surprise'] }, /does not understand/, new RegExp(LOOK_FIRST)],
  [
    'breaks the connection',
    (_request, response) => response.destroy(),
    /The connection to the runtime failed/,
    new RegExp(LOOK_FIRST),
  ],
];

describe.each(CLIENTS)('with $name', ({ connect }) => {
  let client: StoryClient;

  beforeAll(async () => {
    client = await connect({ endpoint: application.endpoint, key: KEY });
    // From here on, this client's library holds every result against the output schema.
    await client.listTools();
  });
  afterAll(() => client[Symbol.asyncDispose]());

  it.each(ROWS)(
    'the error gives reason and meaning when the runtime %s',
    async (_name, answer, looking, running) => {
      runtime.on('GET /r/tasks/:id', answer);
      runtime.on('POST /r/workflows/:id/run', answer);
      const look = failed(await client.call('get_task', { task_id: TASK_ID }));
      expect(look['error_message']).toMatch(looking);
      const run = failed(await client.call('run_workflow', { workflow_id: WORKFLOW_ID, body: { a: 1 } }));
      expect(run['error_message']).toMatch(running);
      expect(Object.keys({ ...look, ...run })).toEqual(['error_message']);
    },
  );

  it.each<[string, Answer]>([
    ['never answers', () => undefined],
    ['stalls half way', (_request, response) => response.writeHead(200).write('{"id":')],
  ])('the error says what happened and what it means when the runtime %s', async (_name, answer) => {
    runtime.on('GET /r/tasks/:id', answer).on('POST /r/workflows/:id/run', answer);
    await using hasty = await connect({ endpoint: hurried.endpoint, key: KEY });
    const [look, run] = await Promise.all([
      hasty.call('get_task', { task_id: TASK_ID }),
      hasty.call('run_workflow', { workflow_id: WORKFLOW_ID }),
    ]);
    expect(failed(look)['error_message']).toMatch(new RegExp(`did not answer in time .*${LATER}`));
    expect(failed(run)['error_message']).toMatch(new RegExp(`did not answer in time .*${LOOK_FIRST}`));
  });

  it('the error says when to retry if the runtime does', async () => {
    const json = { error_message: 'slow down', stack: 'planted' };
    runtime.on('GET /r/tasks/:id', { status: 429, json, headers: { 'Retry-After': '7' } });
    expect(failed(await client.call('get_task', { task_id: TASK_ID }))).toEqual({
      error_message: expect.stringContaining('slow down'),
      retry_after_seconds: 7,
    });
  });

  it('the server never sends a failed run again', async () => {
    const before = runtime.requests('POST /r/workflows/:id/run').length;
    runtime.on('POST /r/workflows/:id/run', (_request, response) => response.destroy());
    await client.call('run_workflow', { workflow_id: WORKFLOW_ID });
    expect(runtime.requests('POST /r/workflows/:id/run')).toHaveLength(before + 1);
  });

  it.each(EVERY_TOOL)(
    'an error result of $name passes the validation of the client library',
    async ({ name, args, route }) => {
      runtime.on(route, { status: 409, json: { error_message: 'conflict', retry_after_seconds: 1 } });
      expect(failed(await client.call(name, args))).toEqual({
        error_message: 'conflict',
        retry_after_seconds: 1,
      });
    },
  );

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['get_workflow', {}, /workflow_id: /],
    ['get_workflow', { workflow_id: 'sd-portrait' }, /workflow_id: must be a UUID/],
    ['get_workflow_by_slug', { workflow_slug: '../admin' }, /workflow_slug: must be a slug/],
    ['list_workflows', { per_page: 101 }, /per_page: .*100/],
    ['list_workflows', { current_page: 'one' }, /current_page: /],
    ['list_tasks', { status: 'done' }, /status: .*"cancelled"/],
    ['presign_file_upload', { body: { file_name: 'a' } }, /body\.content_type: .*body\.file_size: /],
    ['run_workflow', { workflow_id: WORKFLOW_ID, body: 'x' }, /body: /],
    ['stream_task_events', { task_id: TASK_ID, timeout_seconds: 3601 }, /timeout_seconds: .*3600/],
    ['call_container_service', { service_slug: 'a', method: 'TRACE', path: '/' }, /method: .*"OPTIONS"/],
    [
      'call_container_service',
      { service_slug: 'a', method: 'GET', path: '//evil' },
      /path: must start with one/,
    ],
    [
      'call_container_service',
      { service_slug: 'a', method: 'POST', path: '/', body_base64: '%' },
      /body_base64: must be base64/,
    ],
  ])('the error of %s with %j names the field and the rule', async (name, args, message) => {
    const before = asked().length;
    expect(failed(await client.call(name, args))['error_message']).toMatch(message);
    expect(asked()).toHaveLength(before);
  });
});

it('the error for an unreachable runtime says that nothing happened', async () => {
  const gone = await friendlyRuntime();
  const { url } = gone;
  await gone[Symbol.asyncDispose]();
  await using lonely = await startMcp(url);
  for (const { connect } of CLIENTS) {
    await using client = await connect({ endpoint: lonely.endpoint, key: KEY });
    const result = await client.call('run_workflow', { workflow_id: WORKFLOW_ID });
    expect(failed(result)['error_message']).toMatch(/nothing happened\. Call once more in about 10 s; .*$/);
  }
});
