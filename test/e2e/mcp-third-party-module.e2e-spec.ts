import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { KEY, McpApp } from '../support/mcp-app.js';
import { answerOf, call, McpHttp, resultOf, rpc } from '../support/mcp-http.js';
import { ThirdPartyModule, witnessed } from '../support/third-party-module.js';

const SECRET = 'hunter2';

let app: McpApp;
let http: McpHttp;

beforeAll(async () => {
  app = await McpApp.start({ modules: [ThirdPartyModule], mount: 'controller' });
  http = new McpHttp(app);
});

beforeEach(() => {
  witnessed.length = 0;
});

afterAll(() => app[Symbol.asyncDispose]());

type Ask = (name: string, args?: object) => Promise<Response>;

const REVISIONS: readonly (readonly [revision: string, send: Ask])[] = [
  ['2025-11-25', async (name, args) => await http.ask(await http.open(), call(name, args))],
  ['2026-07-28', (name, args = {}) => http.stateless('tools/call', { name, arguments: args })],
];

describe.each(REVISIONS)('at %s', (_revision, send) => {
  const ask = async (name: string, args?: object) => await resultOf(await send(name, args));

  it('the guard and interceptor of a module run around the endpoint and every tool, those of the product too', async () => {
    await ask('nothing');
    expect(witnessed).toEqual(
      expect.arrayContaining(['guard http', 'guard rpc', 'interceptor http', 'interceptor rpc']),
    );
  });

  it('the filter of a module gets what its tools throw', async () => {
    expect(await ask('own_error')).toMatchObject({ structuredContent: { from: 'the third-party filter' } });
    expect(witnessed).toEqual(expect.arrayContaining(['error ThirdPartyError', 'filter rpc']));
  });

  it('a third-party module does not change the errors of the product’s tools', async () => {
    expect(await ask('refuse')).toMatchObject({
      isError: true,
      structuredContent: { error_message: 'resource not found' },
    });
    expect(await ask('echo', { text: 5 })).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringContaining('text:') },
    });
  });

  it.each(['leak', 'http_filter', 'wrong_output'])(
    'a third-party module never shows what %s hides',
    async (tool) => {
      const answer = await ask(tool);
      expect(JSON.stringify(answer)).not.toContain(SECRET);
      expect(answer).toMatchObject({
        isError: true,
        structuredContent: { error_message: expect.stringMatching(/report reference [0-9a-f-]{36}/) },
      });
    },
  );

  it('a third-party tool may declare its input with zod: defaults apply, and errors name the rules', async () => {
    expect(await ask('stock', {})).toMatchObject({ structuredContent: { n: 2 } });
    expect(await ask('stock', { n: 1.5 })).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringMatching(/n: .*int/) },
    });
  });

  it('the answers of a third-party tool contain only fields of its output schema', async () => {
    const result = await ask('stock', { n: 3 });
    expect(result.structuredContent).toEqual({ n: 3 });
    expect(result.content).toEqual([{ type: 'text', text: '{"n":3}' }]);
  });

  it('a third-party tool may declare its input with a raw JSON Schema', async () => {
    expect(await ask('raw_schema', { n: 3 })).toMatchObject({ structuredContent: { n: 3 } });
    expect(await ask('raw_schema', {})).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringMatching(/'n'/) },
    });
  });

  it('a third-party tool may take a class-validator DTO: errors name every field and rule', async () => {
    expect(await ask('order', { name: 'abc', amount: 3 })).toMatchObject({
      structuredContent: { name: 'abc', amount: 3 },
    });
    const result = await ask('order', { name: 'x', amount: 30 });
    expect(result.isError).toBe(true);
    expect(result.structuredContent.error_message).toMatch(
      /name must be longer.*amount must not be greater than 10/,
    );
  });

  it.each([
    ['denied', 'Forbidden resource'],
    ['denied_with_words', 'not on Sundays'],
    ['bad_request', 'amount must be even'],
  ])('the message of a rejected third-party call reaches the model when %s rejects', async (tool, words) => {
    const result = await ask(tool);
    expect(result.isError).toBe(true);
    expect(result.structuredContent.error_message).toContain(words);
  });

  it('a third-party tool may return a text, or its own content', async () => {
    expect(await ask('text')).toEqual(
      expect.objectContaining({ content: [{ type: 'text', text: '"plain"' }] }),
    );
    expect((await ask('content')).content).toEqual([{ type: 'text', text: 'as I made it' }]);
  });

  it('only users with its scope may call a third-party tool', async () => {
    expect(await answerOf(await send('scoped'))).toMatchObject({
      error: { code: -32600, message: expect.stringContaining('scoped') },
    });
  });
});

it('a third-party guard may reject a request, and the error is JSON-RPC', async () => {
  const response = await http.send('POST', rpc('ping'), { headers: { 'X-Third-Party': 'no' } });
  expect(response.status).toBe(403);
  expect(await response.json()).toEqual({
    jsonrpc: '2.0',
    id: null,
    error: { code: -32000, message: 'Forbidden resource' },
  });
});

it('a third-party guard cannot allow a request without a key', async () => {
  expect((await fetch(app.url, { method: 'POST' })).status).toBe(401);
});

const connect = async (
  options: ConstructorParameters<typeof Client>[1],
  to: McpApp = app,
): Promise<Client> => {
  const client = new Client({ name: 'test', version: '1.0.0' }, options);
  const requestInit = { headers: { Authorization: `Bearer ${KEY}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(to.url), { requestInit }));
  return client;
};

describe.each([
  ['2025-11-25', {}],
  ['2026-07-28', { versionNegotiation: { mode: 'auto' as const } }],
])('at %s', (revision, options) => {
  it('clients list and read resources and prompts of a third-party module', async () => {
    const client = await connect(options);
    expect(client.getNegotiatedProtocolVersion()).toBe(revision);
    expect((await client.listResources()).resources).toMatchObject([{ uri: 'test://motto' }]);
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1);
    expect((await client.readResource({ uri: 'test://motto' })).contents).toMatchObject([
      { text: 'onwards' },
    ]);
    expect((await client.readResource({ uri: 'test://item/7' })).contents).toMatchObject([
      { text: 'item 7' },
    ]);
    expect((await client.listPrompts()).prompts).toMatchObject([{ name: 'greet' }]);
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } });
    expect(messages).toMatchObject([{ content: { text: 'Greet Ada' } }]);
    await client.close();
  });
});

const asking = { capabilities: { elicitation: { form: {} } } };
const auto = { versionNegotiation: { mode: 'auto' as const } };
const answerAda = (client: Client): void =>
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada' } }));

it.each([
  ['ask', '2025-11-25', asking],
  ['ask_in_rounds', '2025-11-25', asking],
  ['ask_in_rounds', '2026-07-28', { ...asking, ...auto }],
  ['report_then_ask', '2025-11-25', asking],
  ['report_then_ask', '2026-07-28', { ...asking, ...auto }],
])('the third-party tool %s may ask its client at %s', async (name, _revision, options) => {
  const client = await connect(options);
  answerAda(client);
  const received: number[] = [];
  const onprogress = ({ progress }: { progress: number }): number => received.push(progress);
  const reports = name === 'report_then_ask';
  const result = await client.callTool({ name, arguments: {} }, reports ? { onprogress } : {});
  expect(result.structuredContent).toEqual({ name: 'Ada' });
  if (reports) expect(received).toContain(1);
  await client.close();
});

it('a tool may log to the client, when the server announces logging', async () => {
  await using talking = await McpApp.start({
    modules: [ThirdPartyModule],
    mount: 'controller',
    capabilities: { logging: {} },
  });
  const client = await connect({}, talking);
  const received: unknown[] = [];
  client.setNotificationHandler('notifications/message', ({ params }) => void received.push(params.data));
  await client.setLoggingLevel('info');
  expect((await client.callTool({ name: 'chatty', arguments: {} })).structuredContent).toEqual({
    done: true,
  });
  expect(received).toEqual([{ message: 'on my way' }]);
  await client.close();
});
