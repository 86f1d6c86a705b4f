import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type CanActivate, Module, UseGuards } from '@nestjs/common';
import { McpController, Tool } from '@rekog/mcp-nest';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { McpModule, RateCost } from '../../src/mcp/index.js';
import { temporaryFolder } from '../support/command-line.js';
import { McpApp } from '../support/mcp-app.js';
import { call, LEGACY, McpHttp, MODERN, rpc } from '../support/mcp-http.js';
import { OAuthApp } from '../support/oauth-app.js';
import { until } from '../support/processes.js';

/** One of another module, with which the results of all tools are made in another place than without. */
class OtherGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@McpController()
@UseGuards(OtherGuard)
class CostlyTools {
  @RateCost(5)
  @Tool({ name: 'render', description: 'Costs more than half of what a key has' })
  render(): object {
    return {};
  }
}

@Module({ imports: [McpModule], controllers: [CostlyTools] })
class CostlyModule {}

const PER_KEY = 8;
const LIMITS = { requestsPerSession: 2 };
const HELLO = { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: 'test', version: '1' } };

const resources = new AsyncDisposableStack();
let path: string;
let oauth: OAuthApp;
let http: McpHttp;
let reading: McpHttp;

beforeAll(async () => {
  const folder = resources.use(await temporaryFolder());
  path = join(folder.path, 'audit.jsonl');
  const environment = { CYBERUN_AUDIT_LOG: path, CYBERUN_HTTP_TRUSTED_PROXIES: '127.0.0.1' };
  oauth = resources.use(
    await OAuthApp.start({
      file: { scopes: { access: ['cyberun'], run: ['cyberun.run'] } },
      keys: [{ when: { team: 'lab' }, key_file: 'team.key' }],
      limits: LIMITS,
      modules: [CostlyModule],
      settings: {
        ...environment,
        CYBERUN_HTTP_RATE_PER_KEY: String(PER_KEY),
        CYBERUN_HTTP_RATE_PER_ADDRESS: '6',
        CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS: '1',
        CYBERUN_MCP_CALLS_PER_KEY: '3',
        CYBERUN_MCP_STREAMS_PER_KEY: '1',
        CYBERUN_MCP_SESSIONS_PER_KEY: '1',
        CYBERUN_MCP_KEY_TOOLS: 'sk-echo=echo',
      },
    }),
  );
  oauth.runtime.validate = (key) => ({
    isValid: !key.startsWith('sk-bad'),
    ...(key.startsWith('sk-reader') && { permissions: new Set<string>() }),
  });
  http = new McpHttp(oauth.app);
  const readOnly = { ...environment, CYBERUN_MCP_READ_ONLY: 'true' };
  reading = new McpHttp(resources.use(await McpApp.start({ environment: readOnly })));
});
afterAll(() => resources.disposeAsync());

type Line = Readonly<Record<string, unknown>>;
const linesOf = (requestId: string): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ request_id }) => request_id === requestId);

let count = 0;
const newKey = (kind = 'good'): string => `sk-${kind}-${(count += 1)}-0123456789abcdef`;
const newAddress = (): string => `203.0.113.${(count += 1)}`;
const tokenWith = (scope: string, claims: object = { team: 'lab' }): Promise<string> =>
  oauth.token({ claims: { scope, ...claims } });

/** How a request is sent: with a key that no other has, from an address that no other has, and an id of its own. */
interface Sent {
  readonly key: string;
  readonly headers: Record<string, string>;
}
const sentBy = (requestId: string, key = newKey(), address = newAddress()): Sent => ({
  key,
  headers: { 'X-Request-Id': requestId, 'X-Forwarded-For': address },
});

type Send = (sent: Sent) => Promise<Response>;
const calling =
  (name: unknown, args: unknown = {}): Send =>
  (sent) =>
    http.stateless('tools/call', { name, arguments: args }, sent);
const listing: Send = (sent) => http.stateless('tools/list', {}, sent);
const posting =
  (body: string, more: Record<string, string> = {}): Send =>
  ({ key, headers }) =>
    fetch(oauth.app.url, {
      method: 'POST',
      body,
      headers: {
        Authorization: `Bearer ${key}`,
        Accept: 'application/json, text/event-stream',
        'Content-Type': 'application/json',
        ...headers,
        ...more,
      },
    });

const withKey =
  (makeKey: () => string | Promise<string>, send: Send = listing): Send =>
  async (sent) =>
    await send({ ...sent, key: await makeKey() });

/** After the same client has sent others. */
const after =
  (before: (sent: Sent) => Promise<unknown>, send: Send): Send =>
  async (sent) => {
    const { 'X-Request-Id': _id, ...headers } = sent.headers;
    await before({ ...sent, headers });
    return await send(sent);
  };
const times =
  (number: number, send: Send) =>
  async (sent: Sent): Promise<void> => {
    for (let n = 0; n < number; n += 1) await (await send(sent)).text();
  };

/** Begins calls that wait until the server is closed. */
const waiting =
  (number: number, send: (sent: Sent, n: number) => Promise<Response>) =>
  async (sent: Sent): Promise<void> => {
    const before = oauth.app.odd.waiting;
    for (let n = 0; n < number; n += 1) void send(sent, n).catch(() => undefined);
    await until(() => Promise.resolve(oauth.app.odd.waiting === before + number));
  };

/** In a session of the client. */
const inSession =
  (body: object, before: (session: string, sent: Sent) => Promise<unknown> = () => Promise.resolve()): Send =>
  async (sent) => {
    const { 'X-Request-Id': _id, ...headers } = sent.headers;
    const session = await http.open({}, LEGACY, { ...sent, headers });
    await before(session, { ...sent, headers });
    return await http.ask(session, body, sent);
  };

const listening: Send = (sent) =>
  http.stateless('subscriptions/listen', { notifications: { toolsListChanged: true } }, sent);

const request = (status: number, more: object = {}): object => ({ audit: 'mcp_request', status, ...more });
const tool = (name: string, reason: string, more: object = {}): object => ({
  audit: 'tool_call',
  tool: name,
  reason,
  ...more,
});

/** Every kind of refusal, with the one line of the audit. */
const REFUSALS: readonly (readonly [kind: string, send: Send, line: object])[] = [
  ['without a key', withKey(() => ''), request(401)],
  ['with a wrong key', withKey(() => newKey('bad')), request(401)],
  ['with a key of another kind', withKey(() => 'dk-0123456789abcdef'), request(401)],
  [
    'after too many wrong keys of its address',
    after(
      withKey(() => newKey('bad')),
      withKey(() => newKey('bad')),
    ),
    request(429),
  ],
  ['above the rate of its address', after(times(6, withKey(newKey)), listing), request(429)],
  ['above the rate of its key', (sent) => aboveRate(sent), request(429)],
  [
    'of a tool that costs more than the key has left',
    after(times(1, calling('render')), calling('render')),
    tool('render', 'refused'),
  ],
  ['with an expired token', withKey(() => oauth.token({ expiresIn: -60 })), request(401)],
  ['without the scope of every request', withKey(() => tokenWith('email')), request(403)],
  ['of a user without a team', withKey(() => tokenWith('cyberun', {})), request(403)],
  ['without a scope of the tool', withKey(() => tokenWith('cyberun'), calling('guarded')), request(403)],
  [
    'without a permission of the key',
    withKey(() => newKey('reader'), calling('guarded')),
    tool('guarded', 'permission'),
  ],
  [
    'of a tool that the policy withholds',
    withKey(() => newKey('echo'), calling('nothing')),
    tool('nothing', '-32602'),
  ],
  [
    'of a tool that changes something, at a read-only server',
    (sent) => reading.stateless('tools/call', { name: 'nothing', arguments: {} }, sent),
    tool('nothing', '-32602'),
  ],
  ['of a tool that does not exist', calling('no_such_tool'), tool('no_such_tool', '-32602')],
  ['of no tool', calling(7), { audit: 'tool_call', reason: '-32602' }],
  ['of a tool with bad input', calling('echo', { text: 7 }), tool('echo', 'refused')],
  ['of a tool in a session, with bad input', inSession(call('echo', { text: 7 })), tool('echo', 'refused')],
  [
    'of a tool that does not exist, in a session',
    inSession(call('no_such_tool')),
    tool('no_such_tool', '-32602'),
  ],
  [
    'that the runtime refuses',
    calling('refuse', { status: 404 }),
    tool('refuse', 'rejected', { status: 404 }),
  ],
  [
    'above the quota of calls',
    after(waiting(3, calling('wait')), calling('echo', { text: 'x' })),
    request(429, { reason: 'calls_per_key' }),
  ],
  [
    'above the quota of streams',
    after(waiting(1, calling('stream')), calling('stream')),
    tool('stream', 'streams_per_key', { status: 429 }),
  ],
  [
    'above the quota of streams, in a session',
    after(waiting(1, calling('stream')), inSession(call('stream'))),
    tool('stream', 'streams_per_key', { status: 429 }),
  ],
  [
    'of a subscription above the quota of streams',
    after(listening, listening),
    request(429, { reason: 'streams_per_key' }),
  ],
  [
    'above the limit of sessions',
    after(
      (sent) => http.open({}, LEGACY, sent),
      (sent) => http.send('POST', rpc('initialize', HELLO), sent),
    ),
    request(429, { reason: 'sessions_per_key' }),
  ],
  [
    'above the limit of a session',
    inSession(rpc('ping'), (session, sent) =>
      waiting(2, (_sent, n) => http.ask(session, call('wait', {}, `waits ${n}`), sent))(sent),
    ),
    request(429, { reason: 'requests_per_session' }),
  ],
  ['in an unknown session', (sent) => http.ask('nowhere', rpc('ping'), sent), request(404)],
  ['that names an unknown toolset', (sent) => withToolset(sent), request(400)],
  ['that is too large', posting('x'.repeat(4_194_305)), request(413, { reason: 'body_size' })],
  ['that is no JSON', posting('{'), request(400)],
  ['of another content type', posting('{}', { 'Content-Type': 'text/plain' }), request(415)],
  ['that takes no JSON', posting('{}', { Accept: 'text/html, application/xml' }), request(406)],
  ['from a foreign page', posting('{}', { Origin: 'https://evil.example.com' }), request(403)],
  ['of another HTTP method', (sent) => http.send('PUT', {}, sent), { ...request(405), route: 'PUT mcp' }],
];

/** Each from an address of its own, so that only the key is too fast. */
async function aboveRate(sent: Sent): Promise<Response> {
  const each = (): Sent => ({ ...sent, headers: { 'X-Forwarded-For': newAddress() } });
  for (let n = 0; n < PER_KEY; n += 1) await (await listing(each())).text();
  return await listing(sent);
}

const withToolset: Send = ({ key, headers }) =>
  http.stateless('tools/list', {}, { key, headers: { ...headers, 'X-MCP-Toolsets': 'nowhere' } });

it.each(REFUSALS)(
  'a request %s leaves one line of the audit, which says that it was refused',
  async (_kind, send, line) => {
    const requestId = `refused-${(count += 1)}`;
    const response = await send(sentBy(requestId));
    await response.text();
    expect(response.headers.get('x-request-id')).toBe(requestId);
    // Lines are written in their order, so none of the refused request can follow that of another.
    const later = `later-${(count += 1)}`;
    for (const each of [http, reading])
      await (
        await each.stateless('tools/call', { name: 'echo', arguments: { text: 'x' } }, sentBy(later))
      ).text();
    await until(() => Promise.resolve(linesOf(later).length === 2));
    expect(linesOf(requestId)).toEqual([expect.objectContaining({ outcome: 'refused', ...line })]);
  },
);

it('a request while the server is closing leaves one line of the audit', async () => {
  const environment = { CYBERUN_AUDIT_LOG: path };
  await using app = await McpApp.start({ environment });
  await app.drain(0);
  const requestId = `closing-${MODERN}`;
  await (await new McpHttp(app).stateless('tools/list', {}, sentBy(requestId))).text();
  await until(() => Promise.resolve(linesOf(requestId).length > 0));
  expect(linesOf(requestId)).toEqual([
    expect.objectContaining({ audit: 'mcp_request', outcome: 'failed', status: 503 }),
  ]);
});
