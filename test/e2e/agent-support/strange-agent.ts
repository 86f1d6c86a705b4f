import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';

import { WebSocket } from 'ws';

import { CredentialsService } from '../../../src/runtime/credentials/index.js';
import { http2ServerOver, readLines } from '../../../src/tunnel/index.js';
import type { RuntimeServer } from '../runtime-support/runtime-fixture.js';

const HELLO = { agent_id: 'strange', labels: ['local'], slots: 1, version: '0.0.0', platform: 'linux/amd64' };

/** An agent that answers every order with the same lines, right or wrong. */
export async function strangeAgent(
  server: RuntimeServer,
  lines: readonly string[],
): Promise<AsyncDisposable> {
  const key = server.app.get(CredentialsService, { strict: false }).mintEphemeralAgentKey();
  const webSocket = new WebSocket(`${server.origin.replace('http', 'ws')}/api/v1/gateway`, {
    headers: { authorization: `Bearer ${key}` },
  });
  await once(webSocket, 'open');
  await http2ServerOver(webSocket, (stream, headers) => {
    if (headers[':path'] === '/runs') void report(stream, lines);
    else stream.respond({ ':status': 200 });
    if (headers[':path'] === '/hello') stream.end(JSON.stringify(HELLO));
  });
  return {
    [Symbol.asyncDispose]: async () => {
      webSocket.close();
      await once(webSocket, 'close');
    },
  };
}

async function report(stream: ServerHttp2Stream, lines: readonly string[]): Promise<void> {
  await readLines(stream).next();
  stream.respond({ ':status': 200 });
  stream.end(`${lines.join('\n')}\n`);
}
