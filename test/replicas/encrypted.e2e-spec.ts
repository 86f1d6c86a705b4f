import { afterAll, beforeAll, expect, it } from 'vitest';

import { call, McpHttp, rpc } from '../support/mcp-http.js';
import { MockRuntime } from '../support/mock-runtime.js';
import { RedisServer } from '../support/redis-server.js';
import { ServerProcess } from '../support/server.js';

const KEY = 'sk-encrypted-0123456789abcdef';
const HELLO = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };

let redis: RedisServer;
let runtime: MockRuntime;

beforeAll(async () => {
  redis = await RedisServer.start({ password: 'open-sesame', isEncrypted: true });
  runtime = await MockRuntime.start();
  runtime.on('GET /r/workflows', { json: { total: 0, workflow_list: [] } });
});
afterAll(async () => {
  await runtime[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

const replica = (environment: Record<string, string> = {}): Promise<ServerProcess> =>
  ServerProcess.start({ CYBERUN_RUNTIME_URL: runtime.url, CYBERUN_REDIS_URL: redis.url, ...environment }, [
    '--role',
    'mcp',
  ]);

const clientOf = ({ endpoint }: ServerProcess): McpHttp => new McpHttp({ url: endpoint }, KEY);

it('Redis over TLS with a password keeps the sessions of all replicas that trust its certificate', async () => {
  const trusting = { NODE_EXTRA_CA_CERTS: redis.certificate };
  await using one = await replica(trusting);
  await using other = await replica(trusting);
  const session = await clientOf(one).open();
  const answer = await clientOf(other).ask(session, call('list_workflows'));
  expect(await answer.json()).toMatchObject({ result: { structuredContent: { total: 0 } } });
});

it('a replica that does not trust the certificate of Redis sends it nothing; the log has the reason and not the password', async () => {
  await using wary = await replica();
  const refused = await clientOf(wary).send('POST', rpc('initialize', HELLO));
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ jsonrpc: '2.0', error: { code: -32000 } });
  const log = wary.log.join('\n');
  expect(log).toContain('self-signed certificate');
  expect(log).not.toContain('sesame');
});
