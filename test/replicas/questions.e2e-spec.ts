import { afterAll, beforeAll, expect, it } from 'vitest';

import { TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { AsideTools, reply } from '../support/aside-tools.js';
import { McpApp } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { allOf, call, McpHttp, messagesOf, nextOf, resultOf, rpc } from '../support/mcp-http.js';
import { RedisServer } from '../support/redis-server.js';
import { ThirdPartyModule } from '../support/third-party-module.js';

let redis: RedisServer;
let apps: readonly [McpApp, McpApp];
let one: McpHttp;
let other: McpHttp;

const started = (): Promise<McpApp> =>
  McpApp.start({
    modules: [ThirdPartyModule],
    controllers: [AsideTools],
    mount: 'controller',
    environment: { CYBERUN_REDIS_URL: redis.url },
    capabilities: { logging: {} },
  });

beforeAll(async () => {
  redis = await RedisServer.start();
  apps = await Promise.all([started(), started()]);
  [one, other] = [new McpHttp(apps[0]), new McpHttp(apps[1])];
});

afterAll(async () => {
  await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
  await redis[Symbol.asyncDispose]();
});

it.each(['ask', 'ask_in_rounds'])('an answer to a question of %s may arrive at any replica', async (tool) => {
  const session = await one.open({ elicitation: {} });
  const messages = messagesOf(await one.ask(session, call(tool)));
  const { id, method } = await nextOf(messages);
  expect(method).toBe('elicitation/create');

  expect((await other.ask(session, reply(id, 'Ada'))).status).toBe(202);

  expect(await nextOf(messages)).toMatchObject({ result: { structuredContent: { name: 'Ada' } } });
});

it('questions of two replicas in one session have different ids', async () => {
  const session = await one.open({ elicitation: {} });
  const streams = [
    messagesOf(await one.ask(session, call('ask', {}, 'one'))),
    messagesOf(await other.ask(session, call('ask', {}, 'other'))),
  ] as const;
  const [first, second] = [await nextOf(streams[0]), await nextOf(streams[1])];
  expect(first.id).not.toBe(second.id);

  // Each answer takes the way to the replica that did not ask.
  await one.ask(session, reply(second.id, 'from the other'));
  await other.ask(session, reply(first.id, 'from the one'));

  expect(await nextOf(streams[0])).toMatchObject({ result: { structuredContent: { name: 'from the one' } } });
  expect(await nextOf(streams[1])).toMatchObject({
    result: { structuredContent: { name: 'from the other' } },
  });
});

it('an answer in another session reaches no call', async () => {
  const [session, unrelated] = [await one.open({ elicitation: {} }), await one.open({ elicitation: {} })];
  const messages = messagesOf(await one.ask(session, call('ask')));
  const { id } = await nextOf(messages);

  expect((await other.ask(unrelated, reply(id, 'Mallory'))).status).toBe(202);
  expect((await one.ask(unrelated, reply(id, 'Mallory'))).status).toBe(202);
  expect((await other.ask(session, reply(id, 'Ada'))).status).toBe(202);

  expect(await nextOf(messages)).toMatchObject({ result: { structuredContent: { name: 'Ada' } } });
});

it('a question without a request goes to the standalone stream at any replica', async () => {
  const session = await one.open({ elicitation: {} });
  const aside = messagesOf(await other.listen(session));
  const answer = one.ask(session, call('ask_aside'));
  const { id, method } = await nextOf(aside);
  expect(method).toBe('elicitation/create');

  expect((await other.ask(session, reply(id, 'Ada'))).status).toBe(202);

  expect(await resultOf(await answer)).toMatchObject({ structuredContent: { name: 'Ada' } });
  await aside.return(undefined);
});

it('the log level that a client has set at one replica applies at the other', async () => {
  const session = await one.open();
  const methodsOf = async (http: McpHttp): Promise<unknown[]> =>
    (await allOf(await http.ask(session, call('chatty')))).map(({ method }) => method);
  expect(await methodsOf(other)).toEqual(['notifications/message', undefined]);

  await one.ask(session, rpc('logging/setLevel', { level: 'error' }));
  expect(await methodsOf(one)).toEqual([undefined]);
  expect(await methodsOf(other)).toEqual([undefined]);

  await other.ask(session, rpc('logging/setLevel', { level: 'info' }));
  expect(await methodsOf(one)).toEqual(['notifications/message', undefined]);
});

it('a question about the run of a pinned workflow is answered at another replica, and then the run gives its result', async () => {
  const metadata = '    tool: true\n    confirm: It takes an hour.';
  await using server = await RuntimeServer.start({ 'costly.yaml': echoWorkflow('costly', { metadata }) });
  await using _agent = await TestAgent.start(server);
  const settings = { CYBERUN_REDIS_URL: redis.url, CYBERUN_MCP_TOOLSETS: 'workflow-tools' };
  await using here = await startMcp(`${server.origin}/api/v1`, settings);
  await using there = await startMcp(`${server.origin}/api/v1`, settings);
  const at = ({ endpoint }: McpApplication): McpHttp =>
    new McpHttp({ url: `${endpoint}?toolsets=workflow-tools` }, BOOTSTRAP_KEY);
  const session = await at(here).open({ elicitation: {} });
  const answerTo = (id: unknown, action: string): object => ({
    jsonrpc: '2.0',
    id,
    result: { action, ...(action === 'accept' && { content: {} }) },
  });
  const asked = async (text: string) => {
    const messages = messagesOf(await at(here).ask(session, call('run_costly', { text }, text)));
    const { id, method, params } = await nextOf(messages);
    expect([method, params?.['message']]).toEqual([
      'elicitation/create',
      `Run "Echo costly" (costly@1)? It takes an hour.\nParameters: text: "${text}"`,
    ]);
    return { id, messages };
  };

  const declined = await asked('no');
  expect((await at(there).ask(session, answerTo(declined.id, 'decline'))).status).toBe(202);
  expect(await nextOf(declined.messages)).toMatchObject({ result: { isError: true } });

  const accepted = await asked('yes');
  expect((await at(there).ask(session, answerTo(accepted.id, 'accept'))).status).toBe(202);
  expect(await nextOf(accepted.messages)).toMatchObject({
    id: 'yes',
    result: { structuredContent: { task_status: 'completed', task_output: expect.anything() } },
  });
  const { body } = await server.get('/r/tasks');
  expect(body.task_list).toMatchObject([{ parameters: { text: 'yes' } }]);
});
