import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { LIMITS } from '../config/index.js';
import { limitConnections } from './connection-limits.js';
import { closingOf, type ServerClosing } from './server-closing.js';

const FORMATS = { jsonRpc: false, rest: true };
let server: Server;
let closing: ServerClosing;
let agent: Agent;
let arrived: PromiseWithResolvers<ServerResponse>;

beforeEach(async () => {
  agent = new Agent({ keepAlive: true });
  arrived = Promise.withResolvers();
  server = createServer((_request, response) => arrived.resolve(response));
  limitConnections(server, { ...LIMITS, closeMs: 60_000 }, FORMATS);
  closing = closingOf(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  agent.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const send = (headers: Record<string, string> = {}): ClientRequest => {
  const { port } = server.address() as AddressInfo;
  const sent = request({ port, agent, headers, method: Object.keys(headers).length > 0 ? 'POST' : 'GET' });
  sent.on('error', () => undefined);
  return sent;
};

/** A request whose answer is in progress. */
async function asked(): Promise<{ response: ServerResponse; answer: Promise<IncomingMessage> }> {
  arrived = Promise.withResolvers();
  const sent = send();
  const answer = once(sent, 'response').then(([message]) => message as IncomingMessage);
  sent.end();
  return { response: await arrived.promise, answer };
}

const isIdle = async (): Promise<boolean> => {
  const begin = performance.now();
  await closing.idle(300);
  return performance.now() - begin < 300;
};

it('once it is announced, answers in progress and later ones end their connections and say so', async () => {
  const early = await asked();
  closing.announce();
  early.response.end('early');
  const late = await asked();
  late.response.end('late');

  for (const [{ answer }, body] of [
    [early, 'early'],
    [late, 'late'],
  ] as const) {
    const message = await answer;
    expect(message.headers.connection).toBe('close');
    expect(await text(message)).toBe(body);
  }
});

it('a server that accepts no more closes unused connections, and waits for answers in progress', async () => {
  // Two at a time, so that they have a connection each.
  const [first, second] = [await asked(), await asked()];
  first.response.end();
  const { socket } = (await first.answer).resume();

  closing.stopAccepting();

  expect(await isIdle()).toBe(false);
  second.response.end('done');
  expect(await text(await second.answer)).toBe('done');
  expect(await isIdle()).toBe(true);
  if (!socket.destroyed) await once(socket, 'close');
  expect(server.listening).toBe(false);
});

it('a server that accepts no more does not wait for streams of events, nor for requests that are still arriving', async () => {
  const stream = await asked();
  stream.response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  stream.response.flushHeaders();
  arrived = Promise.withResolvers();
  send({ 'Content-Length': '10' }).write('half');
  await arrived.promise;
  expect(await isIdle()).toBe(true);
});
