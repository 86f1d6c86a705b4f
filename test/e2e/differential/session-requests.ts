import { initialize, notice, rpc, type Row } from './row.js';

const call = (name: unknown, args?: unknown, more: object = {}): Record<string, unknown> =>
  rpc('tools/call', { name, ...(args !== undefined && { arguments: args }), ...more });

const handshake: Row[] = [
  { what: 'initialize at 2025-11-25', body: initialize('2025-11-25') },
  { what: 'initialize at 2025-06-18', body: initialize('2025-06-18') },
  { what: 'initialize at 2025-03-26', body: initialize('2025-03-26') },
  { what: 'initialize at 2024-11-05', body: initialize('2024-11-05') },
  { what: 'initialize at an unknown revision', body: initialize('1999-01-01') },
  { what: 'initialize at a revision to come', body: initialize('2999-01-01') },
  { what: 'initialize with the text id "a"', body: { ...initialize('2025-11-25'), id: 'a' } },
  {
    what: 'initialize with unknown capabilities',
    body: initialize('2025-11-25', { capabilities: { x: {} } }),
  },
  {
    what: 'initialize without clientInfo',
    body: initialize('2025-11-25', { clientInfo: undefined }),
    difference: 'invalidParams',
  },
  { what: 'initialize without params', body: rpc('initialize'), difference: 'invalidParams' },
  {
    what: 'initialize with a number as version, and no version of the client',
    body: initialize('2025-11-25', { protocolVersion: 5, clientInfo: { name: 'table' } }),
    difference: 'invalidParams',
  },
  { what: 'initialize inside a session', session: 'live', body: initialize('2025-11-25') },
  {
    what: 'initialize with an unknown version header',
    headers: { 'MCP-Protocol-Version': '1999-01-01' },
    body: initialize('2025-11-25'),
  },
  { what: 'initialized', session: 'live', body: notice('notifications/initialized') },
];

const ordinary: Row[] = [
  { what: 'ping', session: 'live', body: rpc('ping') },
  { what: 'ping with params', session: 'live', body: rpc('ping', {}) },
  { what: 'ping with a text id', session: 'live', body: rpc('ping', undefined, 'p-1') },
  { what: 'ping with id 0', session: 'live', body: rpc('ping', undefined, 0) },
  { what: 'ping with a negative id', session: 'live', body: rpc('ping', undefined, -5) },
  { what: 'tools/list', session: 'live', body: rpc('tools/list') },
  {
    what: 'tools/list with a cursor',
    session: 'live',
    body: rpc('tools/list', { cursor: 'x' }),
    difference: 'invalidParams',
  },
  {
    what: 'tools/list with a progress token',
    session: 'live',
    body: rpc('tools/list', { _meta: { progressToken: 1 } }),
  },
  { what: 'tools/call', session: 'live', body: call('echo', { text: 'hello' }) },
  {
    what: 'tools/call with every kind of letter',
    session: 'live',
    body: call('echo', { text: 'ä€😀\u2028"\\' }),
  },
  { what: 'tools/call without arguments', session: 'live', body: call('nothing') },
  { what: 'tools/call with empty arguments', session: 'live', body: call('nothing', {}) },
  { what: 'tools/call of a tool that says no', session: 'live', body: call('refuse', {}) },
  { what: 'tools/call of an unknown tool', session: 'live', body: call('nope', {}) },
  {
    what: 'tools/call of a name of Object.prototype',
    session: 'live',
    body: call('constructor', {}),
    difference: 'unknownTool',
  },
  {
    what: 'tools/call with a token, no progress',
    session: 'live',
    body: call('nothing', {}, { _meta: { progressToken: 't' } }),
  },
  {
    what: 'tools/call with progress',
    session: 'live',
    streams: true,
    body: call('count', { to: 3 }, { _meta: { progressToken: 't' } }),
  },
  {
    what: 'tools/call with progress, token 0',
    session: 'live',
    streams: true,
    body: call('count', { to: 2 }, { _meta: { progressToken: 0 } }),
  },
  { what: 'tools/call that could report, without a token', session: 'live', body: call('count', { to: 3 }) },
  { what: 'tools/call with unknown params', session: 'live', body: call('nothing', {}, { extra: 1 }) },
  {
    what: 'tools/call with unknown _meta',
    session: 'live',
    body: call('nothing', {}, { _meta: { 'x/y': 1 } }),
  },
  {
    what: 'no version header',
    session: 'live',
    headers: { 'MCP-Protocol-Version': null },
    body: rpc('ping'),
  },
  {
    what: 'another known version header',
    session: 'live',
    headers: { 'MCP-Protocol-Version': '2025-06-18' },
    body: rpc('ping'),
  },
  {
    what: 'content type with a charset',
    session: 'live',
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    body: rpc('ping'),
  },
  { what: 'a byte order mark', session: 'live', raw: `\uFEFF${JSON.stringify(rpc('ping'))}` },
  { what: 'white space around the message', session: 'live', raw: ` \n${JSON.stringify(rpc('ping'))}\r\n ` },
  { what: 'an unknown notification', session: 'live', body: notice('notifications/strange', { a: 1 }) },
  {
    what: 'cancelled for a request that is not there',
    session: 'live',
    body: notice('notifications/cancelled', { requestId: 99 }),
  },
  {
    what: 'cancelled with nonsense',
    session: 'live',
    body: notice('notifications/cancelled', { requestId: {} }),
  },
  {
    what: 'a response without a waiting request',
    session: 'live',
    body: { jsonrpc: '2.0', id: 77, result: {} },
  },
  {
    what: 'an error response without a waiting request',
    session: 'live',
    body: { jsonrpc: '2.0', id: 77, error: { code: 1, message: 'x' } },
  },
  { what: 'DELETE', method: 'DELETE', session: 'live' },
];

const broken: Row[] = [
  { what: 'an unknown method', session: 'live', body: rpc('nope/nope') },
  { what: 'a method of Object.prototype', session: 'live', body: rpc('__proto__') },
  { what: 'a method of a capability we lack', session: 'live', body: rpc('resources/list') },
  {
    what: 'logging/setLevel without logging',
    session: 'live',
    body: rpc('logging/setLevel', { level: 'info' }),
  },
  {
    what: 'completion without completion',
    session: 'live',
    body: rpc('completion/complete', {
      ref: { type: 'ref/prompt', name: 'x' },
      argument: { name: 'a', value: 'b' },
    }),
  },
  { what: 'server/discover without an envelope', session: 'live', body: rpc('server/discover') },
  {
    what: 'tools/call without params',
    session: 'live',
    body: rpc('tools/call'),
    difference: 'invalidParams',
  },
  {
    what: 'tools/call without a name',
    session: 'live',
    body: rpc('tools/call', { arguments: {} }),
    difference: 'invalidParams',
  },
  {
    what: 'tools/call with a number as name',
    session: 'live',
    body: call(5, {}),
    difference: 'invalidParams',
  },
  {
    what: 'tools/call with a list as arguments',
    session: 'live',
    body: call('echo', []),
    difference: 'invalidParams',
  },
  {
    what: 'tools/call with null arguments',
    session: 'live',
    body: call('echo', null),
    difference: 'invalidParams',
  },
  { what: 'tools/call with a text as _meta', session: 'live', body: call('nothing', {}, { _meta: 'x' }) },
  {
    what: 'tools/call with a token of the wrong kind',
    session: 'live',
    body: call('nothing', {}, { _meta: { progressToken: {} } }),
  },
  {
    what: 'tools/list with a number as cursor',
    session: 'live',
    body: rpc('tools/list', { cursor: 5 }),
    difference: 'invalidParams',
  },
  { what: 'params that are a list', session: 'live', body: rpc('ping', []) },
  { what: 'params that are a text', session: 'live', body: rpc('ping', 'x') },
  { what: 'no session id', body: rpc('ping') },
  { what: 'an unknown session id', session: 'gone', body: rpc('ping') },
  { what: 'the session id __proto__', session: '__proto__', body: rpc('ping') },
  { what: 'the session id constructor', session: 'constructor', body: rpc('tools/list') },
  { what: 'a notification without a session', body: notice('notifications/initialized') },
  {
    what: 'an unknown version header',
    session: 'live',
    headers: { 'MCP-Protocol-Version': '1999-01-01' },
    body: rpc('ping'),
  },
  { what: 'not JSON', session: 'live', raw: '{"jsonrpc":"2.0",' },
  { what: 'no body', session: 'live', raw: '' },
  { what: 'the body null', session: 'live', raw: 'null' },
  { what: 'the body 5', session: 'live', raw: '5' },
  { what: 'an object that is no message', session: 'live', body: { hello: 1 } },
  { what: 'jsonrpc 1.0', session: 'live', body: { ...rpc('ping'), jsonrpc: '1.0' } },
  { what: 'a null id', session: 'live', body: rpc('ping', undefined, null) },
  { what: 'a broken number as id', session: 'live', body: rpc('ping', undefined, 1.5) },
  { what: 'a list as id', session: 'live', body: rpc('ping', undefined, [1]) },
  { what: 'a member too many', session: 'live', body: { ...rpc('ping'), extra: 1 } },
  { what: 'a number as method', session: 'live', body: { jsonrpc: '2.0', id: 1, method: 5 } },
  { what: 'broken UTF-8', session: 'live', raw: brokenUtf8(), difference: 'invalidUtf8' },
  {
    what: 'a batch of two',
    session: 'live',
    body: [rpc('ping', undefined, 1), rpc('tools/list', undefined, 2)],
    difference: 'batches',
  },
  { what: 'a batch of one', session: 'live', body: [rpc('ping')], difference: 'batches' },
  {
    what: 'a batch of notifications',
    session: 'live',
    body: [notice('notifications/initialized')],
    difference: 'batches',
  },
  { what: 'an empty batch', session: 'live', body: [] },
  { what: 'a batch with nonsense in it', session: 'live', body: [rpc('ping'), 5] },
  {
    what: 'a batch of 101',
    session: 'live',
    body: Array.from({ length: 101 }, (_, id) => rpc('ping', undefined, id)),
    difference: 'batches',
  },
  {
    what: 'initialize in a batch of two',
    body: [initialize('2025-03-26'), rpc('ping', undefined, 2)],
    difference: 'batches',
  },
];

const edges: Row[] = [
  { what: 'no Accept', session: 'live', headers: { Accept: 'text/plain' }, body: rpc('ping') },
  {
    what: 'Accept without the stream',
    session: 'live',
    headers: { Accept: 'application/json' },
    body: rpc('ping'),
  },
  {
    what: 'Accept without JSON',
    session: 'live',
    headers: { Accept: 'text/event-stream' },
    body: rpc('ping'),
  },
  {
    what: 'Accept */*',
    session: 'live',
    headers: { Accept: '*/*' },
    body: rpc('ping'),
    difference: 'accept',
  },
  {
    what: 'content type text/plain',
    session: 'live',
    headers: { 'Content-Type': 'text/plain' },
    body: rpc('ping'),
  },
  { what: 'no content type', session: 'live', headers: { 'Content-Type': '' }, body: rpc('ping') },
  { what: 'GET without a session', method: 'GET' },
  { what: 'GET with an unknown session', method: 'GET', session: 'gone' },
  { what: 'GET that wants JSON', method: 'GET', session: 'live', headers: { Accept: 'application/json' } },
  {
    what: 'GET with an unknown version header',
    method: 'GET',
    session: 'live',
    headers: { 'MCP-Protocol-Version': '1999-01-01' },
  },
  { what: 'GET at 2026-07-28', method: 'GET', headers: { 'MCP-Protocol-Version': '2026-07-28' } },
  { what: 'DELETE without a session', method: 'DELETE' },
  { what: 'DELETE with an unknown session', method: 'DELETE', session: 'gone' },
  {
    what: 'DELETE with an unknown version header',
    method: 'DELETE',
    session: 'live',
    headers: { 'MCP-Protocol-Version': '1999-01-01' },
  },
  { what: 'PUT', method: 'PUT', body: rpc('ping') },
  { what: 'PATCH', method: 'PATCH', body: rpc('ping') },
];

/** A ping whose id holds a byte that cannot occur in UTF-8. */
function brokenUtf8(): Buffer {
  const message = Buffer.from(JSON.stringify(rpc('ping', undefined, 'x?x')));
  message[message.indexOf('?')] = 0xff;
  return message;
}

/** Valid and invalid requests in sessions. */
export const sessionRequests: readonly Row[] = [...handshake, ...ordinary, ...broken, ...edges];
