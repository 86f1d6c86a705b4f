import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { agentsPage, type FulfilledRequest } from './agents-page.js';
import { finding } from './cases/finding.js';
import { mistakes } from './cases/mistakes.js';
import { results } from './cases/results.js';
import { running } from './cases/running.js';
import { services } from './cases/services.js';
import { Conversation } from './conversation.js';
import { EvaluatedServer } from './evaluated-server.js';

/** No reply may cost a model more tokens. */
const REPLY_LIMIT_TOKENS = 8000;
const CASES = [...finding, ...running, ...results, ...services, ...mistakes];

let server: EvaluatedServer;
const fulfilled: FulfilledRequest[] = [];

beforeAll(async () => {
  server = await EvaluatedServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

it.each(CASES)('a model fulfils "$request"', async ({ request, key, fulfil }) => {
  const model = new Conversation(key === 'reader' ? server.reader : server.client);
  await fulfil(model, server);
  const counts = model.calls.flatMap(({ tokens }) => [tokens.text, tokens.structure]);
  expect(Math.max(...counts)).toBeLessThanOrEqual(REPLY_LIMIT_TOKENS);
  fulfilled.push({ request, calls: model.calls });
});

it('docs/agents.md shows what every request and every tool costs', async () => {
  expect(fulfilled).toHaveLength(CASES.length);
  expect(CASES.length).toBeGreaterThanOrEqual(40);
  const called = fulfilled.flatMap(({ calls }) => calls.map(({ tool }) => tool));
  // A tool that no request needs would have no row.
  expect([...new Set(called)].toSorted()).toEqual((await server.client.listTools()).toSorted());
  await expect(agentsPage(fulfilled)).toMatchFileSnapshot(join(packagePaths.root, 'docs/agents.md'));
});
