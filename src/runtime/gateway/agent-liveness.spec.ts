import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

import { expect, it } from 'vitest';

import { watchAgent } from './agent-liveness.js';

async function agentThat(answers: (stream: ServerHttp2Stream) => void) {
  const server = createServer();
  server.on('stream', answers);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const end = async (): Promise<void> => {
    session.destroy();
    server.close();
  };
  return { session, [Symbol.asyncDispose]: end };
}

const unresponsive = (session: ClientHttp2Session): Promise<void> =>
  new Promise((resolve) => watchAgent(session, 10, resolve));

it('an open session without answers is reported', async () => {
  let asked = 0;
  await using agent = await agentThat((stream) => {
    stream.on('error', () => undefined);
    asked += 1;
  });
  await unresponsive(agent.session);
  expect(asked).toBeGreaterThan(1);
  expect(agent.session.closed).toBe(false);
});

it('a closing session is reported although a stream is open', async () => {
  await using agent = await agentThat((stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
  });
  const open = agent.session.request({ ':path': '/services' });
  open.on('error', () => undefined);
  await once(open, 'response');
  agent.session.close();
  await unresponsive(agent.session);
  expect(agent.session.destroyed).toBe(false);
});

it('an agent that answers is not reported', async () => {
  let asked = 0;
  const often = Promise.withResolvers<void>();
  await using agent = await agentThat((stream) => {
    stream.respond({ ':status': 204 }, { endStream: true });
    asked += 1;
    if (asked === 20) often.resolve();
  });
  const called = unresponsive(agent.session).then(() => 'called');
  expect(await Promise.race([often.promise, called])).toBeUndefined();
});
