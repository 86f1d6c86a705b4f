import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { TLSSocket } from 'node:tls';

import { closeUnlessRead } from './lingering-close.js';

/** A server in the same network connects within milliseconds, one elsewhere within a second. */
const CONNECT_LIMIT_MS = 5000;
/** A server whose machine is gone is noticed although no limit ends a transfer. */
const KEEP_ALIVE_MS = 30_000;
/** Of one connection (RFC 9110, section 7.6.1). */
const HOP_BY_HOP =
  /^(connection|keep-alive|proxy-(connection|authenticate|authorization)|te|trailer|transfer-encoding|upgrade|expect|host)$/;

/** The other server did not answer; nothing has been sent to the client. Its cause is the error of the connection. */
export class NoForwardedAnswer extends Error {
  override readonly name = 'NoForwardedAnswer';

  constructor(
    override readonly cause: Error,
    /** It was reached, and then there was silence for too long. */
    readonly isSilent: boolean,
  ) {
    super(cause.message);
  }
}

/** How a request is passed on. */
interface Forwarding {
  /** Scheme, host, path and query. */
  readonly url: string;
  /** In place of those of the client; `undefined` leaves one out. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Without it each request has a connection of its own. */
  readonly agent?: Agent;
  /** Silence in both directions after which it ends; without it only a connection that is lost does. */
  readonly idleMs?: number;
}

/**
 * Has another server answer a request; both bodies are streamed. Resolves when the response has ended.
 *
 * @throws {NoForwardedAnswer} when there is no response.
 */
export async function forward(
  { url, headers, agent, idleMs }: Forwarding,
  [request, response]: [IncomingMessage, ServerResponse],
): Promise<void> {
  if (response.closed) return;
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  const outgoing = send(url, {
    method: request.method,
    agent: agent ?? false,
    headers: present({
      ...endToEnd(request.headers),
      ...(isChunked && { 'transfer-encoding': 'chunked' }),
      ...headers,
    }),
  });
  outgoing.once('socket', (socket) => watch(socket, outgoing));
  const silence = idleMs === undefined ? undefined : new Silence(outgoing, idleMs);
  const abandon = (): void => void outgoing.destroy();
  response.once('close', abandon);
  request.pipe(outgoing);
  try {
    const answer = await answerTo(outgoing, silence);
    closeUnlessRead(response);
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    // A client or a server that disconnects ends both connections.
    await pipeline(answer, response).catch(() => response.destroy());
  } finally {
    response.off('close', abandon);
    request.unpipe(outgoing);
    request.resume();
    outgoing.destroy();
  }
}

/** Ends a request once its connection has had no traffic for so long. */
class Silence {
  isOver = false;

  constructor(outgoing: ClientRequest, idleMs: number) {
    outgoing.setTimeout(idleMs, () => {
      this.isOver = true;
      outgoing.destroy(new Error(`nothing within ${idleMs} ms`));
    });
  }
}

async function answerTo(outgoing: ClientRequest, silence: Silence | undefined): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const fail = (error: Error): void => reject(new NoForwardedAnswer(error, silence?.isOver ?? false));
  outgoing.once('response', resolve);
  outgoing.on('error', fail);
  outgoing.once('close', () => fail(new Error('the connection was closed')));
  return promise;
}

function watch(socket: Socket, outgoing: ClientRequest): void {
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  // A connection that was kept is established.
  if (!socket.connecting) return;
  const limit = setTimeout(() => outgoing.destroy(new Error('the server does not answer')), CONNECT_LIMIT_MS);
  // A port that takes connections may still not speak TLS.
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => clearTimeout(limit));
  socket.once('close', () => clearTimeout(limit));
}

type HeaderFields = Record<string, string | string[] | undefined>;

const endToEnd = (headers: IncomingMessage['headers']): HeaderFields =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.test(name)));

const present = (headers: HeaderFields): HeaderFields =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
