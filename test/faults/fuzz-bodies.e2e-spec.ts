import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { EVERY_TOOL } from '../support/every-tool.js';
import { MODERN, type OddBody, oddBodies } from '../support/odd-messages.js';
import { printCounts, trials } from './fuzz/seed.js';
import { type Answer, FuzzTarget, openSession, type Sent, usual, WAYS } from './fuzz/target.js';
import { expectSound, outlineOf } from './fuzz/verdict.js';

const BODIES = 1000;

let target: FuzzTarget;

beforeAll(async () => {
  target = await FuzzTarget.start();
});
afterAll(() => target[Symbol.asyncDispose]());

type Setting = 'as it should be' | 'in a session' | 'without a session' | 'as 2026-07-28';

const settings = fc.constantFrom<Setting>(
  'as it should be',
  'as it should be',
  'in a session',
  'without a session',
  'as 2026-07-28',
);

function headersFor(
  { origin: { family, method, name } }: OddBody,
  setting: Setting,
  session: string,
): object {
  const isStateless =
    setting === 'as 2026-07-28' || (setting === 'as it should be' && family === 'stateless');
  if (setting === 'without a session') return {};
  if (!isStateless) return { 'Mcp-Session-Id': session };
  return {
    'MCP-Protocol-Version': MODERN,
    'Mcp-Method': method,
    ...(name !== undefined && { 'Mcp-Name': name }),
  };
}

const asksToListen = (body: OddBody['body']): boolean => String(body).includes('subscriptions/listen');

it('for every body the answer is JSON-RPC, the same by controller and mount, and sessions survive', async () => {
  const sessions = await Promise.all(WAYS.map((way) => openSession(target, { way })));
  const unrelated = await openSession(target, { key: 'sk-unrelated' });
  const counts = { bodies: 0, accepted: 0, refused: 0 };
  const ask = (index: number, odd: OddBody, setting: Setting): Promise<Answer> => {
    const headers = usual({ ...headersFor(odd, setting, sessions[index] ?? '') });
    return target.ask({
      way: WAYS[index] ?? WAYS[0],
      headers,
      body: odd.body,
      mayStay: asksToListen(odd.body),
    });
  };

  const property = fc.asyncProperty(oddBodies(EVERY_TOOL), settings, async (odd, setting) => {
    const answers = [await ask(0, odd, setting), await ask(1, odd, setting)] as const;
    for (const answer of answers) expectSound(answer);
    expect(outlineOf(answers[1])).toEqual(outlineOf(answers[0]));
    await Promise.all([
      ...sessions.map((session) => expectAlive({ headers: usual({ 'Mcp-Session-Id': session }) })),
      expectAlive({ headers: usual({ 'Mcp-Session-Id': unrelated, Authorization: 'Bearer sk-unrelated' }) }),
    ]);
    counts.bodies += 1;
    counts[answers[0].status < 400 ? 'accepted' : 'refused'] += 1;
  });
  await fc.assert(property, trials(BODIES));

  expect(target.failures).toEqual([]);
  printCounts('odd bodies', { ...counts, requests: target.requests });
});

async function expectAlive(sent: Sent): Promise<void> {
  const answer = await target.ask({ ...sent, body: '{"jsonrpc":"2.0","id":"alive","method":"ping"}' });
  expect(answer.text).toBe('{"result":{},"jsonrpc":"2.0","id":"alive"}');
}
