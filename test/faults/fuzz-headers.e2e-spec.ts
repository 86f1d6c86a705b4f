import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { TASK_ID } from '../support/runtime-samples.js';
import { oddHeaders } from './fuzz/odd-headers.js';
import { printCounts, trials } from './fuzz/seed.js';
import { FuzzTarget, openSession, usual, type Way, WAYS } from './fuzz/target.js';
import { expectSound, outlineOf } from './fuzz/verdict.js';

const REQUESTS = 800;

let target: FuzzTarget;

beforeAll(async () => {
  target = await FuzzTarget.start();
});
afterAll(() => target[Symbol.asyncDispose]());

const _meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'odd', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const clientInfo = { name: 'odd', version: '1' };
const BODIES = [
  { method: 'ping' },
  { method: 'tools/list', params: { _meta } },
  { method: 'tools/call', params: { name: 'list_workflows', arguments: {} } },
  { method: 'tools/call', params: { name: 'list_workflows', arguments: {}, _meta } },
  { method: 'tools/call', params: { name: 'stream_task_events', arguments: { task_id: TASK_ID }, _meta } },
  { method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } },
].map((message) => JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }));

/** DELETE is not among them: it would end the session that others use, and has a test of its own. */
const methods = fc.constantFrom(
  'POST',
  'POST',
  'POST',
  'POST',
  'GET',
  'OPTIONS',
  'HEAD',
  'PUT',
  'PATCH',
  'TRACE',
);

it('for all headers the answer is JSON-RPC, the same by controller and mount, and sessions survive', async () => {
  const session = await openSession(target);
  const counts = { requests: 0, accepted: 0, refused: 0 };
  const alive = usual({ 'Mcp-Session-Id': session });
  const property = fc.asyncProperty(
    methods,
    oddHeaders(session),
    fc.constantFrom(...BODIES),
    async (method, headers, content) => {
      const body = method === 'POST' ? content : undefined;
      const ask = (way: Way) => target.ask({ way, method, headers, body, mayStay: method === 'GET' });
      const answers = [await ask(WAYS[0])];
      // A second standalone stream is refused while the server does not know that the first was left.
      if (method !== 'GET') answers.push(await ask(WAYS[1]));
      for (const answer of answers) {
        expectSound(answer, method);
        expect(outlineOf(answer)).toEqual(outlineOf(answers[0] ?? answer));
      }
      const ping = await target.ask({ headers: alive, body: BODIES[0] });
      expect(ping.text).toBe('{"result":{},"jsonrpc":"2.0","id":1}');
      counts.requests += answers.length;
      counts[(answers[0]?.status ?? 0) < 400 ? 'accepted' : 'refused'] += 1;
    },
  );
  await fc.assert(property, trials(REQUESTS));

  expect(target.failures).toEqual([]);
  printCounts('odd headers', counts);
});
