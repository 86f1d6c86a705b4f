import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLIENTS } from '../support/clients.js';
import { EVERY_TOOL, friendlyRuntime } from '../support/every-tool.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import type { Answer, MockRuntime } from '../support/mock-runtime.js';

const PLANTED = 'planted-secret-7f3a';
const KEY = 'sk-key-that-nobody-may-read-9c21';

let runtime: MockRuntime;
let application: McpApplication;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  application = await startMcp(runtime.url, {
    CYBERUN_RUNTIME_TIMEOUT_MS: '300',
    CYBERUN_RUNTIME_RESPONSE_LIMIT_BYTES: '65536',
  });
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

/** Answers that hold a secret where no model and no log may find it. */
const ANSWERS: readonly (readonly [string, Answer])[] = [
  [
    'an unknown field of a refusal',
    { status: 400, json: { error_message: 'no', stack: PLANTED, debug: { PLANTED } } },
  ],
  ['the page of a proxy', (_request, response) => response.writeHead(502).end(`<html>${PLANTED}</html>`)],
  ['an answer outside the contract', { json: [PLANTED, { id: { PLANTED }, [PLANTED]: PLANTED }] }],
  ['half an answer', (_request, response) => response.writeHead(200).write(`{"id":"${PLANTED}`)],
  ['a redirect', { status: 302, headers: { Location: `http://127.0.0.1:1/${PLANTED}` } }],
  [
    'an answer that is too large',
    (_request, response) => response.end(JSON.stringify({ id: PLANTED.repeat(9000) })),
  ],
  [
    'a refusal that repeats the key',
    ({ headers }, response) => {
      const error_message = `unknown: ${headers.authorization}`;
      response.writeHead(401).end(JSON.stringify({ error_message, key: headers.authorization }));
    },
  ],
  [
    'a connection that breaks',
    (_request, response) =>
      response.writeHead(200, { 'X-Secret': PLANTED }).flushHeaders() ?? response.destroy(),
  ],
];

describe.each(CLIENTS)('with $name', ({ connect }) => {
  it.each(ANSWERS)('%s reaches neither the model nor the log', async (_where, answer) => {
    // A key that was refused is not asked about again, so each answer meets one of its own.
    const key = KEY + crypto.randomUUID();
    await using client = await connect({ endpoint: application.endpoint, key });
    const tools = EVERY_TOOL.filter(({ name }) => name !== 'list_workflows');
    for (const { route } of tools) runtime.on(route, answer);
    const calls = tools.map(({ name, args }) => client.call(name, args));
    for (const outcome of await Promise.allSettled(calls)) {
      const seen = JSON.stringify(outcome) + String(Reflect.get(outcome, 'reason'));
      expect([PLANTED, KEY].filter((secret) => seen.includes(secret))).toEqual([]);
    }
  });

  it.each(['list_container_services', 'get_container_service'])(
    '%s masks values of the environment and host paths',
    async (name) => {
      const call = EVERY_TOOL.find((candidate) => candidate.name === name);
      if (!call) throw new Error(`no ${name}`);
      runtime.on(call.route, { json: call.answer });
      await using client = await connect({ endpoint: application.endpoint, key: `${KEY}-services` });
      const result = await client.call(name, call.args);
      expect(JSON.stringify(result)).toContain('HF_TOKEN');
      expect(JSON.stringify(result)).not.toMatch(/planted/);
    },
  );
});

it('no secret was logged, while every kind of failure was', () => {
  const log = application.log();
  const isLogged = (text: string): boolean => log.includes(text);
  expect(
    ['rejected', 'invalid', 'timeout', 'unreachable'].filter((kind) => !isLogged(`"kind":"${kind}"`)),
  ).toEqual([]);
  expect([PLANTED, KEY, 'planted-env-secret', 'planted-host-path'].filter(isLogged)).toEqual([]);
});
