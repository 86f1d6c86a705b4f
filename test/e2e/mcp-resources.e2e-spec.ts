import {
  Client as NewerClient,
  StreamableHTTPClientTransport as NewerTransport,
} from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { answerOf, McpHttp, rpc } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import {
  pageMeta,
  resultSample,
  serviceSample,
  TASK_ID,
  taskSample,
  workflowSample,
} from '../support/runtime-samples.js';

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

const SLUG = workflowSample.workflow_slug;
const WORKFLOW = `workflow://${SLUG}@3`;
const TASK = `task://${TASK_ID}`;
const FEATURES = { 'Cyberun-Features': 'workflow-query, task-filters' };
const workflow = (workflow_slug: string, more: object = {}) => ({
  ...workflowSample,
  workflow_slug,
  ...more,
});

beforeEach(() => {
  runtime.seen.length = 0;
  runtime.on('GET /r/workflows', {
    json: { workflow_list: [workflowSample, workflow('gone', { workflow_status: 'disabled' })] },
    headers: FEATURES,
  });
  runtime.on('GET /r/tasks', { json: { task_list: [taskSample('failed', { workflow_slug: SLUG })] } });
  runtime.on(`GET /r/tasks/${TASK_ID}`, { json: taskSample('completed') });
  runtime.on(`GET /r/tasks/${TASK_ID}/result`, { json: resultSample });
  runtime.on('GET /r/containers', { json: { service_list: [serviceSample()] } });
  runtime.on('GET /r/workflows/slug/:slug', { json: workflowSample });
});

/** The same methods in both libraries. */
type AnyClient = Pick<
  NewerClient,
  | 'listResources'
  | 'listResourceTemplates'
  | 'readResource'
  | 'listPrompts'
  | 'getPrompt'
  | 'complete'
  | 'getServerCapabilities'
  | 'close'
>;

const identity = { name: 'test', version: '1.0.0' };
const at = () => new URL(application.endpoint);
const requestInit = { headers: { Authorization: `Bearer ${KEY}` } };

async function newer(options: object): Promise<AnyClient> {
  const client = new NewerClient(identity, options);
  await client.connect(new NewerTransport(at(), { requestInit }));
  return client;
}

async function older(): Promise<AnyClient> {
  const client = new OlderClient(identity);
  await client.connect(new OlderTransport(at(), { requestInit }));
  return client as unknown as AnyClient;
}

const KINDS: readonly [string, () => Promise<AnyClient>][] = [
  ['2026-07-28', () => newer({ versionNegotiation: { mode: 'auto' } })],
  ['2025-11-25', () => newer({})],
  ['2025-06-18', () => newer({ supportedProtocolVersions: ['2025-06-18'] })],
  ['2025-11-25 of the older library', older],
];

describe.each(KINDS)('at %s', (_revision, connect) => {
  let client: AnyClient;
  beforeEach(async () => {
    client = await connect();
  });
  afterEach(() => client.close());

  it('a client sees that there are resources, prompts and completions', () => {
    expect(client.getServerCapabilities()).toMatchObject({ resources: {}, prompts: {}, completions: {} });
  });

  it('a client lists active workflows and newest tasks as resources, and the templates', async () => {
    const { resources, nextCursor } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual([TASK, WORKFLOW]);
    expect(resources[0]).toMatchObject({ title: `${SLUG}, failed, 2025-02-10T14:00Z` });
    expect(nextCursor).toBeUndefined();
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate).toSorted()).toEqual([
      'task://{id}',
      'workflow://{slug}',
      'workflow://{slug}@{version}',
    ]);
  });

  it('a client reads a task with its result, and a workflow by slug with or without a version', async () => {
    const read = async (uri: string): Promise<unknown> => {
      const { contents } = await client.readResource({ uri });
      expect(contents).toMatchObject([{ uri, mimeType: 'application/json' }]);
      return JSON.parse((contents[0] as { readonly text: string }).text) as unknown;
    };
    expect(await read(TASK)).toMatchObject({
      id: TASK_ID,
      task_status: 'completed',
      task_output: resultSample.task_output,
      download_urls: resultSample.download_urls,
    });
    expect(await read(WORKFLOW)).toMatchObject({ parameters: workflowSample.parameters });
    expect(await read(`workflow://${SLUG}`)).toMatchObject({ id: workflowSample.id });
    const asked = runtime.seen.map(({ path }) => path);
    expect(asked.slice(-2)).toEqual([`/r/workflows/slug/${SLUG}@3`, `/r/workflows/slug/${SLUG}`]);
  });

  it('a client gets each prompt as plain steps that name the tools to call', async () => {
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name).toSorted()).toEqual([
      'call_service',
      'run_workflow',
      'what_failed_today',
    ]);
    expect(prompts.find(({ name }) => name === 'run_workflow')).toMatchObject({
      title: 'Run a workflow',
      arguments: [
        { name: 'workflow_slug', required: true },
        { name: 'request', required: false },
      ],
    });
    const textOf = async (name: string, args: Record<string, string>): Promise<string> => {
      const { messages } = await client.getPrompt({ name, arguments: args });
      expect(messages).toMatchObject([{ role: 'user', content: { type: 'text' } }]);
      return JSON.stringify(messages).replaceAll(String.raw`\"`, '"');
    };
    const run = await textOf('run_workflow', { workflow_slug: SLUG, request: 'a portrait of Ada' });
    expect(run).toContain('What I want: a portrait of Ada');
    for (const tool of ['get_workflow_by_slug', 'run_workflow_by_slug', 'get_task_result'])
      expect(run).toContain(tool);
    expect(await textOf('call_service', { service_slug: 'my-llm', request: '' })).toContain(
      'Call call_container_service',
    );
    expect(await textOf('what_failed_today', { workflow_slug: '', since: '2026-11-28' })).toContain(
      'statuses ["failed"], created_after "2026-11-27T00:00:00.000Z"',
    );
  });

  it('a client completes slugs, versions and ids by what the key may see', async () => {
    const complete = async (ref: object, name: string, value: string, given?: Record<string, string>) => {
      const { completion } = await client.complete({
        ref: ref as { type: 'ref/prompt'; name: string },
        argument: { name, value },
        ...(given && { context: { arguments: given } }),
      });
      return completion.values;
    };
    const prompt = (name: string) => ({ type: 'ref/prompt', name });
    const template = (uri: string) => ({ type: 'ref/resource', uri });
    const version = template('workflow://{slug}@{version}');
    expect(await complete(prompt('run_workflow'), 'workflow_slug', 'sd')).toEqual([SLUG]);
    expect(await complete(prompt('run_workflow'), 'request', 'sd')).toEqual([]);
    expect(await complete(prompt('call_service'), 'service_slug', 'LL')).toEqual(['my-llm']);
    expect(await complete(version, 'slug', 'portrait')).toEqual([SLUG]);
    expect(await complete(version, 'version', '', { slug: SLUG })).toEqual(['3', '2', '1']);
    expect(await complete(template('task://{id}'), 'id', TASK_ID.slice(0, 5))).toEqual([TASK_ID]);
    expect(await complete(template('task://{id}'), 'id', 'f')).toEqual([]);
  });
});

type Ask = (method: string, params: Record<string, unknown>) => Promise<Response>;

const ERAS: readonly [string, (key?: string) => Promise<Ask>, { readonly notFound: number }][] = [
  [
    '2026-07-28',
    (key = KEY) =>
      Promise.resolve((method, params) =>
        new McpHttp({ url: application.endpoint }, key).stateless(method, params),
      ),
    { notFound: -32_602 },
  ],
  [
    '2025-11-25',
    async (key = KEY) => {
      const http = new McpHttp({ url: application.endpoint }, key);
      const session = await http.open();
      return (method, params) => http.ask(session, rpc(method, params));
    },
    { notFound: -32_002 },
  ],
];

describe.each(ERAS)('errors at %s', (era, open, { notFound }) => {
  let ask: Ask;
  beforeEach(async () => {
    ask = await open();
  });
  const errorOf = async (method: string, params: Record<string, unknown>) =>
    (await answerOf(await ask(method, params))).error;

  it.each([
    ['an id that the runtime does not know', 'task://019abc12-0000-7890-abcd-ef1234567896'],
    ['an id that is none', 'task://x'],
    ['a slug that could lead elsewhere', 'workflow://..%2F..%2Fadmin'],
    ['an escape that is none', 'workflow://%zz'],
    ['another scheme with the same path', `other://${TASK_ID}`],
    ['a query that no template has', `${TASK}?full=1`],
  ])('reading a resource that is not there names it: %s', async (_what, uri) => {
    expect(await errorOf('resources/read', { uri })).toEqual({
      code: notFound,
      message: `Resource not found: ${uri}`,
      data: { uri },
    });
  });

  it.each([
    ['prompts/get', { name: 'nope' }, 'Prompt nope not found'],
    ['prompts/get', { name: 'run_workflow' }, 'workflow_slug: '],
    ['prompts/get', { name: 'run_workflow', arguments: { workflow_slug: '../x' } }, 'must be a slug'],
    ['prompts/get', { name: 'call_service', arguments: { service_slug: 'a', slug: 'b' } }, 'slug: '],
    ['prompts/get', { name: 'what_failed_today', arguments: { since: 'monday' } }, 'must be a date such as'],
    ['resources/list', { cursor: 'page-x' }, 'params.cursor is not one of this server'],
    ['resources/read', {}, 'params.uri is missing'],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'run_workflow' }, argument: { name: 'slug', value: '' } },
      'its arguments are: workflow_slug, request',
    ],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'nope' }, argument: { name: 'slug', value: '' } },
      'Prompt nope not found',
    ],
  ])('%s with %j is refused with a sentence', async (method, params, sentence) => {
    const error = await errorOf(method, params);
    expect(error?.code).toBe(-32_602);
    expect(error?.message).toContain(sentence);
  });

  it('an error of the runtime keeps its reason and loses what is not for clients', async () => {
    runtime.on(`GET /r/tasks/${TASK_ID}`, {
      status: 429,
      json: { error_message: 'slow down', trace: 'planted-secret' },
      headers: { 'Retry-After': '7' },
    });
    const error = await errorOf('resources/read', { uri: TASK });
    expect(error).toMatchObject({ code: -32_603, data: { retry_after_seconds: 7 } });
    expect(error?.message).toContain('slow down');
    expect(JSON.stringify(error)).not.toContain('planted-secret');
  });

  it('a prompt for a tool that the key may not call is refused, as the tool is', async () => {
    runtime.on('GET /r/workflows', { json: { workflow_list: [] }, headers: { 'Cyberun-Permissions': '' } });
    const reader = await open('sk-reader-of-prompts');
    const { error } = await answerOf(
      await reader('prompts/get', { name: 'run_workflow', arguments: { workflow_slug: SLUG } }),
    );
    expect(error).toMatchObject({ code: -32_600 });
    expect(error?.message).toContain('lacks the permission "run"');
  });

  it('a key that the runtime refuses meanwhile is refused by the next request', async () => {
    const revoked = await open(`sk-revoked-at-${era}`);
    await revoked('prompts/list', {});
    runtime.on(`GET /r/tasks/${TASK_ID}`, { status: 401, json: {} });
    runtime.on('GET /r/workflows', { status: 401, json: {} });
    const { error } = await answerOf(await revoked('resources/read', { uri: TASK }));
    expect(error?.message).toContain('key is invalid, revoked or expired');
    expect((await revoked('resources/read', { uri: TASK })).status).toBe(401);
  });

  it('resources are listed page by page, and tasks end after the newest hundred', async () => {
    const list = Array.from({ length: 25 }, (_none, index) =>
      workflow(`w-${index}`, { description: 'x'.repeat(500) }),
    );
    runtime.on('GET /r/workflows', { json: { workflow_list: list, page_meta: pageMeta(130, 1, 25) } });
    const tasks = Array.from({ length: 25 }, () => taskSample('running', { workflow_slug: SLUG }));
    runtime.on('GET /r/tasks', { json: { task_list: tasks, page_meta: pageMeta(9999, 1, 25) } });
    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const { result } = await answerOf(await ask('resources/list', cursor === undefined ? {} : { cursor }));
      const page = result as unknown as { resources: object[]; nextCursor?: string };
      expect(countTokens(JSON.stringify(page))).toBeLessThan(8000);
      sizes.push(page.resources.length);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(sizes).toEqual([50, 50, 50, 50, 25, 25]);
    const query = runtime.requests('GET /r/workflows').at(-1)?.query;
    expect(query).toEqual({ current_page: '6', per_page: '25' });
  });

  it('the content of a resource is cut to the limit of every reply, and says how to read on', async () => {
    const rows = Array.from({ length: 20_000 }, (_none, index) => ({ row: index, text: 'some words' }));
    runtime.on(`GET /r/tasks/${TASK_ID}/result`, { json: { ...resultSample, task_output: { rows } } });
    const { result } = await answerOf(await ask('resources/read', { uri: TASK }));
    const { contents } = result as unknown as { contents: [{ text: string }] };
    expect(countTokens(contents[0].text)).toBeLessThan(8000);
    expect((JSON.parse(contents[0].text) as { note: string }).note).toContain('call get_task_result');
  });

  it('a hundred of more slugs are suggested, those that begin with the typed text first', async () => {
    const slugs = Array.from({ length: 100 }, (_none, index) =>
      workflow(`${index % 2 ? 'run' : 'rerun'}-${index}`),
    );
    runtime.on('GET /r/workflows', {
      json: { workflow_list: slugs, page_meta: pageMeta(500, 1, 100) },
      headers: FEATURES,
    });
    const complete = (value: string) =>
      ask('completion/complete', {
        ref: { type: 'ref/resource', uri: 'workflow://{slug}' },
        argument: { name: 'slug', value },
      });
    // From this response on the server knows that the runtime can search.
    await answerOf(await complete(''));
    const { result } = await answerOf(await complete('run'));
    const { completion } = result as unknown as { completion: { values: string[]; hasMore: boolean } };
    expect(completion.values).toHaveLength(100);
    expect(completion.values.slice(0, 2)).toEqual(['run-1', 'run-3']);
    expect(completion.values.at(-1)).toBe('rerun-98');
    expect(completion.hasMore).toBe(true);
    expect(runtime.requests('GET /r/workflows').at(-1)?.query).toMatchObject({ query: 'run' });
  });
});

it('at 2026-07-28 the lists and contents forbid caching, and every result names the server', async () => {
  const http = new McpHttp({ url: application.endpoint });
  const cached = { ttlMs: 0, cacheScope: 'private' };
  const tail = {
    resultType: 'complete',
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'cyberun-cloud' } },
  };
  for (const method of ['resources/list', 'resources/templates/list', 'prompts/list'])
    expect((await answerOf(await http.stateless(method))).result).toMatchObject({ ...cached, ...tail });
  expect((await answerOf(await http.stateless('resources/read', { uri: TASK }))).result).toMatchObject({
    ...cached,
    ...tail,
  });
  const prompt = await answerOf(await http.stateless('prompts/get', { name: 'what_failed_today' }));
  expect(prompt.result).toMatchObject(tail);
  expect(prompt.result).not.toHaveProperty('ttlMs');
});
