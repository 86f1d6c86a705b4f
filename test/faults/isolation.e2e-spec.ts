import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { until } from '../support/processes.js';
import { Cluster } from './load/cluster.js';
import { endlessTask, keyOf, ownersIn, runtimeOfOwners, taskOf } from './load/owners.js';

const KEYS = 20;
const SESSIONS = 200;
/** Every how many sessions there is a client of 2026-07-28 too, with the same key. */
const MODERN_EVERY = 2;
const ROUNDS = 3;
const MODERN = '2026-07-28';
/** The same in all sessions, on purpose. */
const [READ_ID, FOLLOW_ID, ENDLESS_ID] = [1, 2, 'same'];

let cluster: Cluster;
let parties: readonly Party[];
const counts = { answers: 0, notifications: 0, refusals: 0, retries: 0 };

const RPC = { jsonrpc: '2.0' };
const clientInfo = { name: 'isolation', version: '1' };
const envelope = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': clientInfo,
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A client: whose it is, and what it has open. */
class Party {
  readonly owner: string;
  session = '';
  standalone: ReadStream | undefined;
  endless: ReadStream | undefined;

  constructor(readonly index: number) {
    this.owner = `owner-${String(index % KEYS).padStart(2, '0')}`;
  }

  async open(): Promise<void> {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const response = await this.send('POST', { ...RPC, id: 0, method: 'initialize', params });
    await response.text();
    this.session = response.headers.get('mcp-session-id') ?? '';
    expect(this.session).not.toBe('');
  }

  /** Asks again, as a client does, when the server is so busy that Redis does not answer it in time. */
  async send(method: string, message?: object, headers: Record<string, string> = {}): Promise<Response> {
    for (;;) {
      const response = await fetch(cluster.endpoint, {
        method,
        headers: {
          Authorization: `Bearer ${keyOf(this.owner)}`,
          Accept: 'application/json, text/event-stream',
          'Content-Type': 'application/json',
          ...(this.session !== '' && { 'Mcp-Session-Id': this.session }),
          ...headers,
        },
        ...(message && { body: JSON.stringify(message) }),
      });
      if (response.status !== 503) return response;
      counts.retries += 1;
      await response.text();
      await delay(Number(response.headers.get('retry-after')) * 1000);
    }
  }

  call(id: string | number, name: string, args: object, isModern = false): Promise<Response> {
    const _meta = { progressToken: id, ...(isModern && envelope) };
    const headers = { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': 'tools/call', 'Mcp-Name': name };
    const message = { ...RPC, id, method: 'tools/call', params: { name, arguments: args, _meta } };
    return this.send('POST', message, isModern ? headers : {});
  }
}

/** A stream that stays open, and what was received on it. */
class ReadStream {
  text = '';
  isOver = false;

  constructor({ body }: Response) {
    const decoder = new TextDecoder();
    const read = async (): Promise<void> => {
      for await (const chunk of body ?? []) this.text += decoder.decode(chunk, { stream: true });
      this.isOver = true;
    };
    read().catch(() => (this.isOver = true));
  }

  get notifications(): number {
    return this.text.split('"notifications/').length - 1;
  }
}

beforeAll(async () => {
  const runtime = await runtimeOfOwners();
  cluster = await Cluster.start({
    api: runtime.url,
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  });
  parties = Array.from({ length: SESSIONS }, (_, index) => new Party(index));
  await Promise.all(parties.map((party) => party.open()));
});
afterAll(async () => {
  console.log(`isolation, ${SESSIONS} sessions of ${KEYS} keys at two replicas:`, counts);
  await Promise.all(parties.map((party) => party.send('DELETE')));
  await cluster[Symbol.asyncDispose]();
});

const all = (act: (party: Party) => Promise<void>): Promise<unknown> => Promise.all(parties.map(act));

async function expectOwn(party: Party, answer: Promise<Response>): Promise<void> {
  const response = await answer;
  const text = await response.text();
  expect(response.status, text).toBe(200);
  expect(ownersIn(text), text).toEqual([party.owner]);
  const tasks = [...new Set(text.match(/019abc12-0000-7000-8000-\d{12}/g))];
  if (tasks.length > 0) expect(tasks).toEqual([taskOf(party.index)]);
  counts.answers += 1;
  counts.notifications += text.split('"notifications/').length - 1;
}

it('answers, progress and tasks reach only the client that asked, in all revisions at once', async () => {
  await all(async (party) => {
    party.standalone = new ReadStream(await party.send('GET'));
    const task = { task_id: taskOf(party.index) };
    for (let round = 0; round < ROUNDS; round += 1) {
      const eras = party.index % MODERN_EVERY === 0 ? [false, true] : [false];
      await Promise.all(
        eras.flatMap((isModern) => [
          expectOwn(
            party,
            party.call(READ_ID, round % 2 ? 'list_workflows' : 'get_task', round % 2 ? {} : task, isModern),
          ),
          expectOwn(party, party.call(FOLLOW_ID, 'stream_task_events', task, isModern)),
        ]),
      );
    }
  });
  expect(counts.notifications).toBeGreaterThanOrEqual(SESSIONS * ROUNDS);
});

it('only its own session cancels a call, although all sessions use the same request id', async () => {
  await all(async (party) => {
    const response = await party.call(ENDLESS_ID, 'stream_task_events', { task_id: endlessTask });
    expect(response.status).toBe(200);
    party.endless = new ReadStream(response);
    await until(() => Promise.resolve((party.endless?.notifications ?? 0) > 0));
  });
  const cancels = ({ index }: Party): boolean => index % 3 === 0;
  const cancelled = { ...RPC, method: 'notifications/cancelled', params: { requestId: ENDLESS_ID } };
  await Promise.all(
    parties.filter(cancels).map(async (party) => {
      expect((await party.send('POST', cancelled)).status).toBe(202);
      await until(() => Promise.resolve(party.endless?.isOver === true));
    }),
  );
  // Long enough for a wrong one to end too.
  await delay(500);
  for (const party of parties) {
    const { text = '', isOver, notifications = 0 } = party.endless ?? {};
    expect(isOver).toBe(cancels(party));
    expect(text).not.toContain('"result"');
    expect(ownersIn(text)).toEqual([party.owner]);
    counts.notifications += notifications;
  }
});

it('no request with another key finds a session, and its own key still does', async () => {
  await all(async (party) => {
    const foreign = {
      Authorization: `Bearer ${keyOf(`owner-${String((party.index + 1) % KEYS).padStart(2, '0')}`)}`,
    };
    const ping = { ...RPC, id: READ_ID, method: 'ping' };
    const cancelled = { ...RPC, method: 'notifications/cancelled', params: { requestId: ENDLESS_ID } };
    for (const [method, message] of [['POST', ping], ['POST', cancelled], ['GET'], ['DELETE']] as const) {
      const response = await party.send(method, message, foreign);
      const text = await response.text();
      expect(response.status, text).toBe(404);
      expect(JSON.parse(text)).toMatchObject({ error: { code: -32001 } });
      counts.refusals += 1;
    }
    await expectOwn(party, party.call(READ_ID, 'get_task', { task_id: taskOf(party.index) }));
    expect(party.standalone).toMatchObject({ isOver: false, notifications: 0 });
  });
});
