import * as fc from 'fast-check';
import { expect } from 'vitest';

import { until } from '../../support/processes.js';
import { OpenStream } from './open-stream.js';
import {
  type Answer,
  ENDLESS_TASK,
  FuzzTarget,
  KEY,
  openSession,
  type Sent,
  usual,
  type Way,
  WAYS,
} from './target.js';
import { expectSound, messagesIn } from './verdict.js';

const KEYS = [KEY, 'sk-fuzz-another-key'] as const;
const TIMEOUT_MS = 10_000;

/** What is known of a session: whose it is, whether it lives, and what is open in it. */
interface Known {
  readonly key: number;
  isAlive: boolean;
  stream: boolean;
  readonly calls: Set<number>;
}

/** The sessions as they should be. */
export class SessionModel {
  readonly sessions: Known[] = [];

  pick(index: number): Known | undefined {
    return this.sessions[index % Math.max(this.sessions.length, 1)];
  }
}

interface Held {
  readonly id: string;
  stream: OpenStream | undefined;
  readonly calls: Map<number, OpenStream>;
}

/** The sessions as they are, at the server. */
export class RealSessions {
  readonly held: Held[] = [];

  constructor(readonly target: FuzzTarget) {}

  pick(index: number): Held {
    const held = this.held[index % Math.max(this.held.length, 1)];
    if (!held) throw new Error('there is no session');
    return held;
  }

  ask(session: string, key: number, sent: Sent): Promise<Answer> {
    return this.target.ask({ ...sent, headers: headersOf(session, key, sent.headers) });
  }

  async openIn(session: string, key: number, sent: Sent): Promise<OpenStream | number> {
    const headers = headersOf(session, key, sent.headers);
    const response = await this.target.open({ ...sent, headers, mayStay: true });
    if (response.statusCode === 200) return new OpenStream(response);
    response.resume();
    return response.statusCode ?? 0;
  }
}

const headersOf = (session: string, key: number, headers: Sent['headers'] = {}): Record<string, string> =>
  usual({ Authorization: `Bearer ${KEYS[key] ?? KEY}`, 'Mcp-Session-Id': session, ...headers });

const rpc = (method: string, params?: object, id?: number): string =>
  JSON.stringify({ jsonrpc: '2.0', ...(id !== undefined && { id }), method, params });

type Run = (model: SessionModel, real: RealSessions) => Promise<void>;

/** One step: what is done, to which session, by which way in. */
class Step implements fc.AsyncCommand<SessionModel, RealSessions> {
  constructor(
    private readonly name: string,
    private readonly run_: Run,
    private readonly needsSession = true,
  ) {}

  check({ sessions }: Readonly<SessionModel>): boolean {
    return !this.needsSession || sessions.length > 0;
  }

  run(model: SessionModel, real: RealSessions): Promise<void> {
    return this.run_(model, real);
  }

  toString(): string {
    return this.name;
  }
}

const way = fc.constantFrom<Way>(...WAYS);
const which = fc.nat(5);

const open = fc.tuple(fc.nat(1), way).map(
  ([key, by]) =>
    new Step(
      `open(key ${key}, ${by})`,
      async (model, real) => {
        const id = await openSession(real.target, { key: KEYS[key] ?? KEY, way: by });
        expect(real.held.map((held) => held.id)).not.toContain(id);
        model.sessions.push({ key, isAlive: true, stream: false, calls: new Set() });
        real.held.push({ id, stream: undefined, calls: new Map() });
      },
      false,
    ),
);

type InSession = (
  at: { readonly by: Way; readonly known: Known; readonly held: Held; readonly number: number },
  real: RealSessions,
) => Promise<void>;

const inSession = (name: string, run: InSession): fc.Arbitrary<Step> =>
  fc.tuple(which, way, fc.nat(2)).map(
    ([index, by, number]) =>
      new Step(`${name}(session ${index}, ${by}, ${number})`, async (model, real) => {
        const known = model.pick(index);
        if (known) await run({ by, known, held: real.pick(index), number }, real);
      }),
  );

function expectNotFound(answer: Answer): void {
  expectSound(answer);
  expect(answer.status).toBe(404);
  expect(messagesIn(answer)[0]?.error).toMatchObject({ code: -32001 });
}

const ASKED = [
  rpc('ping', undefined, 7),
  rpc('tools/list', {}, 7),
  rpc('tools/call', { name: 'list_workflows', arguments: {} }, 7),
];

const ask = inSession('ask', async ({ by, known, held, number }, real) => {
  const answer = await real.ask(held.id, known.key, { way: by, body: ASKED[number] });
  if (!known.isAlive) return expectNotFound(answer);
  expect(answer.status).toBe(200);
  expect(messagesIn(answer)).toEqual([{ jsonrpc: '2.0', id: 7, result: expect.any(Object) }]);
});

const METHODS = ['POST', 'GET', 'DELETE'];
const trespass = inSession('trespass', async ({ by, known, held, number }, real) => {
  const method = METHODS[number] ?? 'POST';
  const body = method === 'POST' ? ASKED[0] : undefined;
  expectNotFound(await real.ask(held.id, 1 - known.key, { way: by, method, body, mayStay: true }));
});

const initializeAgain = inSession('initialize again', async ({ by, known, held }, real) => {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
  const answer = await real.ask(held.id, known.key, { way: by, body: rpc('initialize', params, 1) });
  expectSound(answer);
  // Where the session has ended, a new one is opened, which is not used.
  expect(answer.status).toBe(known.isAlive ? 400 : 200);
});

const listen = inSession('listen', async ({ by, known, held }, real) => {
  const opened = await real.openIn(held.id, known.key, { way: by, method: 'GET' });
  if (opened instanceof OpenStream) {
    expect(known.isAlive).toBe(true);
    const before = held.stream;
    if (known.stream && before) await until(() => Promise.resolve(before.isOver), TIMEOUT_MS);
    held.stream = opened;
    known.stream = true;
  } else expect(opened).toBe(404);
});

const leave = inSession('leave and listen', async ({ by, known, held }, real) => {
  if (!known.stream) return;
  held.stream?.leave();
  await until(async () => {
    const opened = await real.openIn(held.id, known.key, { way: by, method: 'GET' });
    if (opened instanceof OpenStream) held.stream = opened;
    return opened instanceof OpenStream;
  }, TIMEOUT_MS);
});

/** Ids are the same in every session, on purpose. */
const begin = inSession('begin a call', async ({ by, known, held, number }, real) => {
  if (known.calls.has(number)) return;
  const params = { name: 'stream_task_events', arguments: { task_id: ENDLESS_TASK } };
  const body = rpc('tools/call', { ...params, _meta: { progressToken: number } }, number);
  const opened = await real.openIn(held.id, known.key, { way: by, body });
  if (opened instanceof OpenStream) {
    expect(known.isAlive).toBe(true);
    known.calls.add(number);
    held.calls.set(number, opened);
  } else expect(opened).toBe(known.isAlive ? 200 : 404);
});

const cancel = inSession('cancel a call', async ({ by, known, held, number }, real) => {
  const notice = rpc('notifications/cancelled', { requestId: number, reason: 'fuzz' });
  const answer = await real.ask(held.id, known.key, { way: by, body: notice });
  if (!known.isAlive) return expectNotFound(answer);
  expect(answer).toMatchObject({ status: 202, text: '' });
  if (!known.calls.delete(number)) return;
  await expectOver(held.calls.get(number));
  held.calls.delete(number);
});

const end = inSession('end', async ({ by, known, held }, real) => {
  const answer = await real.ask(held.id, known.key, { way: by, method: 'DELETE' });
  if (!known.isAlive) return expectNotFound(answer);
  expect(answer.status).toBe(200);
  for (const stream of [held.stream, ...held.calls.values()]) await expectOver(stream);
  Object.assign(known, { isAlive: false, stream: false });
  known.calls.clear();
});

const otherMethod = fc.constantFrom('PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE').chain((method) =>
  inSession(method, async ({ by, known, held }, real) => {
    const answer = await real.ask(held.id, known.key, { way: by, method });
    expectSound(answer, method);
    expect(answer.status).toBe(method === 'OPTIONS' ? 204 : 405);
  }),
);

const STRANGE = ['__proto__', 'constructor', 'toString', 'x'.repeat(8000), '*', '{}', '\u00e9', '0'];
const strange = fc
  .tuple(fc.constantFrom(...STRANGE), fc.constantFrom(...METHODS), fc.nat(1))
  .map(
    ([id, method, key]) =>
      new Step(
        `${method} in session ${id.slice(0, 20)}`,
        async (_model, real) =>
          expectNotFound(await real.ask(id, key, { method, body: method === 'POST' ? ASKED[0] : undefined })),
        false,
      ),
  );

/** It must have ended without an answer: the caller did not want it any more. */
async function expectOver(stream: OpenStream | undefined): Promise<void> {
  if (!stream) return;
  await until(() => Promise.resolve(stream.isOver), TIMEOUT_MS);
  expect(stream.messages.filter((message) => 'result' in message || message.error)).toEqual([]);
}

export const sessionCommands = [
  open,
  open,
  open,
  ask,
  ask,
  trespass,
  initializeAgain,
  listen,
  leave,
  begin,
  begin,
  cancel,
  end,
  otherMethod,
  strange,
];

/** Whether everything is at last as the model says, and nothing has ended that should not have. */
export async function expectAsModelled(model: SessionModel, real: RealSessions): Promise<void> {
  for (const [index, known] of model.sessions.entries()) {
    const held = real.pick(index);
    const answer = await real.ask(held.id, known.key, { body: ASKED[0] });
    expect(answer.status).toBe(known.isAlive ? 200 : 404);
    if (known.stream) expect(held.stream?.isOver).toBe(false);
    for (const id of known.calls) {
      const call = held.calls.get(id);
      expect(call?.isOver).toBe(false);
      for (const { params } of call?.messages ?? []) expect(params).toMatchObject({ progressToken: id });
    }
    if (known.isAlive) await real.ask(held.id, known.key, { method: 'DELETE' });
    for (const stream of [held.stream, ...held.calls.values()]) stream?.leave();
  }
}
