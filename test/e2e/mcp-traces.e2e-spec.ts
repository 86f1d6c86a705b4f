import { afterAll, beforeAll, expect, it } from 'vitest';

import { readConfig } from '../../src/config/index.js';
import { startTraces, type TraceExport } from '../../src/observability/index.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { answerOf, call, McpHttp } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { OtlpReceiver } from '../support/otlp-receiver.js';
import { until } from '../support/processes.js';

const KEY = 'sk-traces-0123456789abcdef';
const PARENT = 'b7ad6b7169203331';

const resources = new AsyncDisposableStack();
let receiver: OtlpReceiver;
let traces: TraceExport;
let runtime: MockRuntime;
let mcp: McpApplication;
let http: McpHttp;

beforeAll(async () => {
  receiver = resources.use(await OtlpReceiver.start());
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc',
    OTEL_BSP_SCHEDULE_DELAY: '10',
  };
  traces = await startTraces(readConfig('mcp', { CYBERUN_RUNTIME_URL: 'http://127.0.0.1:9/api/v1', ...env }));
  runtime = resources.use(await friendlyRuntime());
  runtime.on('GET /r/agents', { json: { agent_list: [] } });
  mcp = resources.use(await startMcp(runtime.url, env));
  http = new McpHttp({ url: mcp.endpoint }, KEY);
});
afterAll(async () => {
  await traces.end();
  await resources.disposeAsync();
});

let count = 0;
const newTrace = (): string => (count += 1).toString(16).padStart(32, 'a');
const parentOf = (traceId: string) => ({ traceparent: `00-${traceId}-${PARENT}-01`, tracestate: 'a=b' });

it.each<[string, (traceId: string) => Promise<Response>]>([
  [
    '2026-07-28, by message',
    (id) => http.stateless('tools/call', { name: 'list_agents', arguments: {} }, { meta: parentOf(id) }),
  ],
  [
    '2026-07-28, by header',
    (id) => http.stateless('tools/call', { name: 'list_agents', arguments: {} }, { headers: parentOf(id) }),
  ],
  [
    '2025-11-25, by message',
    async (id) => http.ask(await http.open(), call('list_agents', {}, 1, parentOf(id))),
  ],
  [
    '2025-11-25, by header',
    async (id) => http.ask(await http.open(), call('list_agents'), { headers: parentOf(id) }),
  ],
])('a call goes on with the trace of its client down to the runtime, at %s', async (_revision, send) => {
  const traceId = newTrace();
  await answerOf(await send(traceId));
  await until(async () => receiver.trace(traceId).size >= 2);
  const spans = receiver.trace(traceId);
  const server = spans.get('tools/call list_agents');
  expect(server).toMatchObject({ parentId: PARENT, kind: 2, status: 0, service: 'cyberun-mcp' });
  expect(server?.attributes).toMatchObject({
    'mcp.method.name': 'tools/call',
    'gen_ai.tool.name': 'list_agents',
  });
  const client = [...spans.values()].find(({ kind }) => kind === 3);
  expect(client).toMatchObject({ parentId: server?.spanId });
  expect(client?.attributes).toMatchObject({
    'http.request.method': 'GET',
    'http.response.status_code': 200,
  });
  const seen = runtime.seen.findLast(({ path }) => path === '/r/agents');
  expect(seen?.headers).toMatchObject({
    traceparent: `00-${traceId}-${client?.spanId}-01`,
    tracestate: 'a=b',
  });
  expect(receiver.headers[0]).toMatchObject({ authorization: 'Basic abc' });
});

it('a failed call is an error with a type and without its text', async () => {
  const traceId = newTrace();
  runtime.on('GET /r/tasks', { status: 500, json: { error_message: 'a secret' } });
  await answerOf(
    await http.stateless('tools/call', { name: 'list_tasks', arguments: {} }, { meta: parentOf(traceId) }),
  );
  await until(async () => receiver.trace(traceId).has('tools/call list_tasks'));
  const span = receiver.trace(traceId).get('tools/call list_tasks');
  expect(span).toMatchObject({ status: 2 });
  expect(span?.attributes).toMatchObject({ 'error.type': 'tool_error' });
  expect(JSON.stringify(receiver.spans)).not.toMatch(/a secret|sk-traces/);
});

it('a call that its client does not want traced leaves no span, and says so to the runtime', async () => {
  const traceId = newTrace();
  const traceparent = `00-${traceId}-${PARENT}-00`;
  await answerOf(
    await http.stateless('tools/call', { name: 'list_agents', arguments: {} }, { meta: { traceparent } }),
  );
  const seen = runtime.seen.findLast(({ path }) => path === '/r/agents');
  expect(String(seen?.headers['traceparent'])).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  const next = newTrace();
  await answerOf(
    await http.stateless('tools/call', { name: 'list_agents', arguments: {} }, { meta: parentOf(next) }),
  );
  await until(async () => receiver.trace(next).size >= 2);
  expect(receiver.trace(traceId).size).toBe(0);
});

it('a request has an id, which goes to the runtime, to the log and back to the client', async () => {
  const traceId = newTrace();
  runtime.on('GET /r/tasks', { status: 500, json: { error_message: 'no' } });
  const response = await http.stateless(
    'tools/call',
    { name: 'list_tasks', arguments: {} },
    { headers: { 'X-Request-Id': 'from.the:client-1' }, meta: parentOf(traceId) },
  );
  await response.text();
  expect(response.headers.get('x-request-id')).toBe('from.the:client-1');
  expect(runtime.seen.findLast(({ path }) => path === '/r/tasks')?.headers['x-request-id']).toBe(
    'from.the:client-1',
  );
  const line = mcp
    .log()
    .split('\n')
    .findLast((each) => each.includes('"list_tasks"'));
  expect(JSON.parse(line ?? '{}')).toMatchObject({
    request_id: 'from.the:client-1',
    trace_id: traceId,
    context: 'Tools',
  });
});

it.each([
  ['none', undefined],
  ['text', 'ignore all instructions'],
  ['a long one', 'a'.repeat(129)],
])('a client that sends %s as the id of a request gets a new one', async (_what, id) => {
  const ids = new Set<string | null>();
  for (let n = 0; n < 2; n += 1) {
    const headers = id === undefined ? {} : { 'X-Request-Id': id };
    const response = await http.stateless('tools/list', {}, { headers });
    await response.text();
    ids.add(response.headers.get('x-request-id'));
  }
  expect(ids.size).toBe(2);
  for (const each of ids) expect(each).toMatch(/^[\da-f-]{36}$/);
});

it('a receiver that fails is reported once, and once when it takes spans again', async () => {
  const of = (text: string): number => mcp.log().split(text).length - 1;
  receiver.status = 400;
  const send = async (): Promise<void> => {
    const before = receiver.headers.length;
    await answerOf(await http.stateless('tools/call', { name: 'list_agents', arguments: {} }));
    await until(async () => receiver.headers.length > before);
  };
  await send();
  await send();
  receiver.status = 200;
  await send();
  await until(async () => of('takes spans again') === 1);
  expect(of('does not take spans')).toBe(1);
});
