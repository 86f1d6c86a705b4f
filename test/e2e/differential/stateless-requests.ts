import { ENVELOPE, initialize, MODERN, notice, rpc, type Row } from './row.js';

type Params = Record<string, unknown>;

const enveloped = (method: string, params: Params = {}, meta: object = {}): Record<string, unknown> =>
  rpc(method, { ...params, _meta: { ...ENVELOPE, ...meta } });

const headers = (method: string, name?: string, more: Row['headers'] = {}): Row['headers'] => ({
  'MCP-Protocol-Version': MODERN,
  'Mcp-Method': method,
  ...(name !== undefined && { 'Mcp-Name': name }),
  ...more,
});

const request = (what: string, method: string, params?: Params, more: Partial<Row> = {}): Row => ({
  what,
  headers: headers(method),
  body: enveloped(method, params),
  ...more,
});

const call = (what: string, name: string, args?: Params, more: Partial<Row> = {}): Row => ({
  what,
  headers: headers('tools/call', name),
  body: enveloped('tools/call', { name, ...(args && { arguments: args }) }),
  ...more,
});

const callWith = (what: string, changed: Row['headers'], meta?: object): Row => ({
  what,
  headers: headers('tools/call', 'nothing', changed),
  body: enveloped('tools/call', { name: 'nothing' }, meta),
});

const good: Row[] = [
  request('server/discover', 'server/discover'),
  request('tools/list', 'tools/list'),
  request('tools/list with a cursor', 'tools/list', { cursor: 'x' }, { difference: 'invalidParams' }),
  call('tools/call', 'echo', { text: 'hello' }),
  call('tools/call with every kind of letter', 'echo', { text: 'ä€😀\u2028"\\' }),
  call('tools/call without arguments', 'nothing'),
  call('tools/call of a tool that says no', 'refuse', {}),
  call('tools/call of an unknown tool', 'nope', {}),
  call('tools/call without progress for want of a token', 'count', { to: 3 }),
  callWith('a name in base64', { 'Mcp-Name': '=?base64?bm90aGluZw==?=' }),
  callWith('a text as token, no progress', {}, { progressToken: 't' }),
  callWith(
    'capabilities of a client',
    {},
    { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} }, sampling: {} } },
  ),
  callWith('no clientInfo', {}, { 'io.modelcontextprotocol/clientInfo': undefined }),
  callWith('a log level', {}, { 'io.modelcontextprotocol/logLevel': 'info' }),
  callWith('a session id, which has no meaning', { 'Mcp-Session-Id': 'any' }),
  { ...callWith('Accept for JSON alone', { Accept: 'application/json' }), difference: 'accept' },
  {
    what: 'progress',
    streams: true,
    headers: headers('tools/call', 'count'),
    body: enveloped('tools/call', { name: 'count', arguments: { to: 3 } }, { progressToken: 7 }),
  },
  request('listening to nothing', 'subscriptions/listen', { notifications: {} }, { streams: true }),
  {
    what: 'a notification',
    headers: headers('notifications/strange'),
    body: notice('notifications/strange'),
  },
  {
    what: 'cancelled',
    headers: headers('notifications/cancelled'),
    body: notice('notifications/cancelled', { requestId: 1 }),
  },
];

const broken: Row[] = [
  request('ping, which is gone', 'ping'),
  request('an unknown method', 'nope/nope'),
  request('logging/setLevel, which is gone', 'logging/setLevel', { level: 'info' }),
  request('initialize with an envelope', 'initialize', initialize(MODERN)['params'] as Params),
  request('a method of a capability we lack', 'resources/list'),
  request('listening without a filter', 'subscriptions/listen'),
  request('tools/call without a name', 'tools/call', {}, { difference: 'invalidParams' }),
  request('tools/call with a number as name', 'tools/call', { name: 5 }, { difference: 'invalidParams' }),
  request('tools/list with a number as cursor', 'tools/list', { cursor: 5 }, { difference: 'invalidParams' }),
  call('tools/call without arguments that are an object', 'echo', undefined, {
    body: enveloped('tools/call', { name: 'echo', arguments: [] }),
    difference: 'invalidParams',
  }),
  callWith('no version header', { 'MCP-Protocol-Version': null }),
  callWith('another version in the header', { 'MCP-Protocol-Version': '2025-11-25' }),
  callWith('an unknown version in the header', { 'MCP-Protocol-Version': '2999-01-01' }),
  callWith('no method header', { 'Mcp-Method': null }),
  callWith('another method in the header', { 'Mcp-Method': 'tools/list' }),
  callWith('no name header', { 'Mcp-Name': null }),
  callWith('another name in the header', { 'Mcp-Name': 'echo' }),
  callWith('a name in broken base64', { 'Mcp-Name': '=?base64?%%%?=' }),
  callWith(
    'an unknown version',
    { 'MCP-Protocol-Version': '2999-01-01' },
    { 'io.modelcontextprotocol/protocolVersion': '2999-01-01' },
  ),
  callWith(
    'an old version in the envelope',
    { 'MCP-Protocol-Version': '2025-11-25' },
    { 'io.modelcontextprotocol/protocolVersion': '2025-11-25' },
  ),
  callWith('a number as version', {}, { 'io.modelcontextprotocol/protocolVersion': 5 }),
  callWith('no capabilities', {}, { 'io.modelcontextprotocol/clientCapabilities': undefined }),
  callWith('a list as capabilities', {}, { 'io.modelcontextprotocol/clientCapabilities': [] }),
  callWith(
    'capabilities of the wrong kind inside',
    {},
    { 'io.modelcontextprotocol/clientCapabilities': { roots: { listChanged: 5 } } },
  ),
  callWith('clientInfo of the wrong kind', {}, { 'io.modelcontextprotocol/clientInfo': { name: 5 } }),
  callWith('an unknown log level', {}, { 'io.modelcontextprotocol/logLevel': 'loud' }),
  callWith('a token of the wrong kind', {}, { progressToken: {} }),
  {
    what: 'the header of 2026-07-28 without an envelope',
    headers: headers('tools/list'),
    body: rpc('tools/list'),
  },
  {
    what: 'initialize with the header of 2026-07-28',
    headers: headers('initialize'),
    body: initialize('2025-11-25'),
  },
  { what: 'a batch', headers: headers('tools/list'), body: [enveloped('tools/list')] },
  { what: 'not JSON', headers: headers('tools/list'), raw: '{' },
  { what: 'no message', headers: headers('tools/list'), body: { hello: 1 } },
  { what: 'a null id', headers: headers('tools/list'), body: { ...enveloped('tools/list'), id: null } },
  { what: 'a response', headers: headers('tools/list'), body: { jsonrpc: '2.0', id: 1, result: {} } },
  {
    what: 'content type text/plain',
    headers: headers('tools/list', undefined, { 'Content-Type': 'text/plain' }),
    body: enveloped('tools/list'),
  },
];

/** What clients of 2026-07-28 send, rightly and wrongly. */
export const statelessRequests: readonly Row[] = [...good, ...broken];
