import * as fc from 'fast-check';

/** A tool and arguments it takes. */
interface Callable {
  readonly name: string;
  readonly args: object;
}

/** A message in order, before anything was done to it. */
interface Ordinary {
  readonly family: 'sessions' | 'stateless';
  readonly method: string;
  readonly name: string | undefined;
  readonly message: Record<string, unknown>;
}

/** A body, and the message it was made of. */
export interface OddBody {
  readonly origin: Ordinary;
  readonly body: string | Buffer<ArrayBuffer>;
}

export const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'odd', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** Methods with params they take, beside tools/call. */
const METHODS: readonly (readonly [method: string, params?: object])[] = [
  ['initialize', { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: 'odd', version: '1' } }],
  ['ping'],
  ['tools/list'],
  ['tools/list', { cursor: 'x' }],
  ['server/discover', {}],
  ['subscriptions/listen', { notifications: { toolsListChanged: true } }],
  ['resources/list'],
  ['resources/read', { uri: 'test://x' }],
  ['prompts/get', { name: 'x', arguments: {} }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'x' }, argument: { name: 'a', value: 'b' } }],
  ['logging/setLevel', { level: 'info' }],
  ['tasks/get', { taskId: 'x' }],
];
const NOTICES: typeof METHODS = [
  ['notifications/initialized'],
  ['notifications/cancelled', { requestId: 1, reason: 'odd' }],
  ['notifications/progress', { progressToken: 1, progress: 0.5 }],
  ['notifications/roots/list_changed'],
  ['notifications/nobody_knows', { x: 1 }],
];

/** Names of members that have a meaning in JavaScript or in MCP. */
const NAMES = [
  ['jsonrpc', 'id', 'method', 'params', 'result', 'error', 'code', 'data', 'message'],
  ['_meta', 'name', 'arguments', 'cursor', 'uri', 'level', 'requestId', 'progressToken', 'task'],
  ['protocolVersion', 'capabilities', 'clientInfo', 'notifications', 'inputResponses', 'requestState'],
  ['__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'then', 'length', ''],
  ['task_id', 'workflow_id', 'body', 'per_page'],
  Object.keys(ENVELOPE),
].flat();

/** JSON that no value of JavaScript is written as; stands in a message as a text that names it. */
const RAW: readonly string[] = [
  '1e999',
  '-0',
  '9'.repeat(400),
  '"\\ud800"',
  '"\\u0000"',
  '{"__proto__":{"jsonrpc":"2.0"},"__proto__":1}',
  '{"id":1,"id":2}',
  ...[60, 15_000].map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  ...[60, 15_000].map((depth) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)),
];
const written = (message: unknown): string =>
  (JSON.stringify(message) ?? '').replaceAll(/"@raw:(\d+)"/g, (_text, index) => RAW[Number(index)] ?? 'null');

const rawJson = fc.nat(RAW.length - 1).map((index) => `@raw:${index}`);
const common = [null, true, 0, -1, 1.5, 2 ** 53, 1e308, '', '2.0', 'x', MODERN, LEGACY, [], {}];
const atom = fc.oneof(
  { arbitrary: fc.constantFrom<unknown>(...common), weight: 10 },
  { arbitrary: fc.constantFrom(...METHODS.map(([method]) => method)), weight: 5 },
  { arbitrary: fc.constantFrom(...NAMES), weight: 5 },
  { arbitrary: fc.string({ unit: 'binary' }), weight: 5 },
  { arbitrary: rawJson, weight: 4 },
  fc.constant('x'.repeat(100_000)),
);
const { anything } = fc.letrec<{ anything: unknown }>((tie) => ({
  anything: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    atom,
    fc.jsonValue({ maxDepth: 2 }),
    fc.array(tie('anything'), { maxLength: 4 }),
    // Made of entries, so that "__proto__" is a member like any other.
    fc
      .array(fc.tuple(fc.constantFrom(...NAMES), tie('anything')), { maxLength: 4 })
      .map((members) => Object.fromEntries(members)),
  ),
}));

const messageOf = (id: unknown, method: string, params: object | undefined): Record<string, unknown> => ({
  jsonrpc: '2.0',
  ...(id !== undefined && { id }),
  method,
  ...(params && { params }),
});

function ordinary(tools: readonly Callable[]): fc.Arbitrary<Ordinary> {
  const calls = tools.map(({ name, args }) => ['tools/call', { name, arguments: args }, name] as const);
  const asked = fc.constantFrom<readonly [string, object?, string?]>(...METHODS, ...calls, ...calls);
  const id = fc.constantFrom<string | number>(1, 'a', 0, '__proto__');
  const sessions = fc.tuple(id, asked).map(([given, [method, params, name]]): Ordinary => ({
    family: 'sessions',
    method,
    name,
    message: messageOf(given, method, params),
  }));
  const stateless = fc.tuple(id, asked).map(([given, [method, params, name]]): Ordinary => ({
    family: 'stateless',
    method,
    name,
    message: messageOf(given, method, { ...params, _meta: ENVELOPE }),
  }));
  const notices = fc.constantFrom(...NOTICES).map(([method, params]): Ordinary => ({
    family: 'sessions',
    method,
    name: undefined,
    message: messageOf(undefined, method, params),
  }));
  return fc.oneof({ arbitrary: sessions, weight: 4 }, { arbitrary: stateless, weight: 4 }, notices);
}

interface Change {
  /** Which of the places in the message, counted round. */
  readonly place: number;
  readonly kind: 'replace' | 'drop' | 'add';
  readonly name: string;
  readonly value: unknown;
}

const change: fc.Arbitrary<Change> = fc.record({
  place: fc.nat(30),
  kind: fc.constantFrom('replace', 'replace', 'drop', 'add'),
  name: fc.constantFrom(...NAMES),
  value: anything,
});

type Holder = Record<string, unknown>;

/** Every member of a message, at any depth, as the object that holds it and its name. */
function placesIn(holder: Holder): [holder: Holder, name: string][] {
  return Object.keys(holder).flatMap((name): [Holder, string][] => {
    const value = holder[name];
    const inside = typeof value === 'object' && value !== null ? placesIn(value as Holder) : [];
    return [[holder, name], ...inside];
  });
}

function changed(message: object, changes: readonly Change[]): unknown {
  const whole: Holder & { message: unknown } = { message: structuredClone(message) };
  for (const { place, kind, name, value } of changes) {
    const places = placesIn(whole);
    const [holder, member] = places[place % places.length] ?? [whole, 'message'];
    const given = structuredClone(value);
    if (kind === 'drop') delete holder[member];
    else if (kind === 'add' && Array.isArray(holder)) holder.push(given);
    else Object.defineProperty(holder, kind === 'add' ? name : member, { ...OWN, value: given });
  }
  return whole.message;
}

const OWN = { enumerable: true, configurable: true, writable: true };

/** A server hangs up on what is far too long, and then its answer may not arrive: that is for other tests. */
const BATCH_LIMIT = 500_000;

/** Bytes of a text, some of them cut off or replaced. */
const damaged = (text: string, at: number, bytes: Uint8Array, cut: boolean): Buffer<ArrayBuffer> => {
  const whole = Buffer.from(text);
  const place = at % (whole.length + 1);
  const rest = cut ? Buffer.alloc(0) : whole.subarray(place);
  return Buffer.concat([whole.subarray(0, place), Buffer.from(bytes), rest]);
};

/** Bodies of which hardly one is in order, beginning with messages that are. */
export function oddBodies(tools: readonly Callable[]): fc.Arbitrary<OddBody> {
  const base = ordinary(tools);
  const odd = fc
    .tuple(base, fc.array(change, { maxLength: 2 }))
    .map(([origin, changes]) => ({ origin, message: changed(origin.message, changes) }));
  const message = odd.map(({ origin, message }) => ({ origin, body: written(message) }));
  const batch = fc
    .tuple(base, fc.array(odd, { maxLength: 5 }), fc.constantFrom(1, 1, 1, 30))
    .map(([origin, some, times]) => ({
      origin,
      body: written(
        Array.from({ length: times }, () => some)
          .flat()
          .map(({ message: each }) => each),
      ),
    }))
    .filter(({ body }) => body.length < BATCH_LIMIT);
  const json = fc.tuple(base, anything).map(([origin, value]) => ({ origin, body: written(value) }));
  const bytes = fc
    .tuple(base, fc.nat(400), fc.uint8Array({ maxLength: 8 }), fc.boolean())
    .map(([origin, ...how]) => ({ origin, body: damaged(written(origin.message), ...how) }));
  const noise = fc
    .tuple(base, fc.uint8Array({ maxLength: 300 }))
    .map(([origin, some]) => ({ origin, body: Buffer.from(some) }));
  return fc.oneof(
    { arbitrary: message, weight: 10 },
    { arbitrary: batch, weight: 2 },
    { arbitrary: json, weight: 2 },
    { arbitrary: bytes, weight: 3 },
    { arbitrary: noise, weight: 1 },
  );
}
