import { afterAll, beforeAll, expect, it } from 'vitest';

import { friendlyRuntime } from '../support/every-tool.js';
import { LimitedServer } from '../support/limited-server.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { answerOf, McpHttp } from '../support/mcp-http.js';
import { until } from '../support/processes.js';
import { TASK_ID, taskSample } from '../support/runtime-samples.js';
import { head, Wire } from '../support/wire.js';

const MOST = 3;
const TASK = 'GET /r/tasks/:id';
const CUT = 'cyberun_http_connections_cut_total{reason="too_many_connections"}';
const LIVE = `${head('GET', '/health/live')}\r\n`;

let runtime: MockRuntime;
let server: LimitedServer;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  server = await LimitedServer.start('mcp', { connections: MOST }, { CYBERUN_RUNTIME_URL: runtime.url });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

const seen = (wire: Wire, text: string, times = 1): Promise<void> =>
  until(() => Promise.resolve(wire.received.split(text).length > times));
const closed = (wire: Wire): Promise<void> => until(() => Promise.resolve(!wire.isOpen));

/** A call that is being answered on a connection of its own. */
async function begun(): Promise<{ readonly answer: Promise<Response> }> {
  const before = runtime.requests(TASK).length;
  const http = new McpHttp({ url: server.endpoint });
  const answer = http.stateless('tools/call', { name: 'get_task', arguments: { task_id: TASK_ID } });
  await until(() => Promise.resolve(runtime.requests(TASK).length > before));
  return { answer };
}

it('a connection above the limit replaces the oldest idle one, and is served', async () => {
  using silent = await Wire.to(server.endpoint);
  using idle = await Wire.to(server.endpoint);
  await seen(idle.say(LIVE), '"live"');
  using late = await Wire.to(server.endpoint);
  await seen(late.say(LIVE), '"live"');
  expect([silent, idle, late].map((wire) => wire.isOpen)).toEqual([true, true, true]);
  expect(await server.metric(CUT)).toBe(0);

  using fresh = await Wire.to(server.endpoint);
  await seen(fresh.say(LIVE), '"live"');

  await closed(silent);
  await seen(idle.say(LIVE), '"live"', 2);
  expect(late.isOpen).toBe(true);
  expect(await server.metric(CUT)).toBe(1);
});

it('when all connections are in use, only the new one is closed', async () => {
  const withheld = runtime.withhold(TASK, taskSample('running'));
  const calls = [await begun(), await begun(), await begun()];
  const before = Number(await server.metric(CUT));

  using late = await Wire.to(server.endpoint);
  await closed(late.say(LIVE));
  expect(late.received).toBe('');
  expect(await server.metric(CUT)).toBe(before + 1);

  withheld.release();
  for (const { answer } of calls) {
    expect(await answerOf(await answer)).toMatchObject({ result: { structuredContent: { id: TASK_ID } } });
  }
  using after = await Wire.to(server.endpoint);
  await seen(after.say(LIVE), '"live"');
});
