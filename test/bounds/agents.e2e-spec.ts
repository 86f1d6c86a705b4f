import { once } from 'node:events';

import { expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { CredentialsService } from '../../src/runtime/credentials/index.js';
import { http2ServerOver } from '../../src/tunnel/index.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';

const hello = { agent_id: 'deaf', labels: ['local'], slots: 1, version: '1', platform: 'linux/amd64' };

it('an agent that accepts no requests for 30 s is no longer listed, and has to connect again', async () => {
  await using server = await RuntimeServer.start();
  const agents = async (): Promise<number> =>
    (await server.get('/r/agents')).body.page_meta.total_count as number;
  const key = server.app.get(CredentialsService, { strict: false }).mintEphemeralAgentKey();
  const webSocket = new WebSocket(`${server.origin.replace('http', 'ws')}/api/v1/gateway`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const closed = once(webSocket, 'close');
  await once(webSocket, 'open');
  // It answers pings and its first request, and nothing afterwards.
  await http2ServerOver(webSocket, (stream, { ':path': path }) => {
    if (path !== '/hello') return;
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(JSON.stringify(hello));
  });
  await until(async () => (await agents()) === 1);
  const [code] = await closed;
  expect(code).toBe(4008);
  expect(await agents()).toBe(0);
});
