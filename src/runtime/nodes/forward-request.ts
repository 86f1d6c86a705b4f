import {
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { TLSSocket } from 'node:tls';

import { closeUnlessRead } from '../../http/index.js';
import { reasonOf } from './connection-reason.js';

/** A request with this header comes from another node and is not forwarded again; the origin that its client addressed. */
export const FORWARDED_ORIGIN = 'cyberun-forwarded-origin';

/** A node in the same network connects within milliseconds. */
const CONNECT_LIMIT_MS = 5000;
/** A node whose machine is gone is noticed although no limit ends a transfer. */
const KEEP_ALIVE_MS = 30_000;
/** Of one connection (RFC 9110, section 7.6.1). */
const HOP_BY_HOP =
  /^(connection|keep-alive|proxy-(connection|authenticate|authorization)|te|trailer|transfer-encoding|upgrade|expect|host)$/;

/** The other node did not answer; nothing has been sent to the client. */
export class NodeUnreachable extends Error {
  override readonly name = 'NodeUnreachable';
}

/**
 * Has another node answer a request; both bodies are streamed. Resolves when the response has ended.
 *
 * @param node origin of the other node.
 * @param origin that the client addressed.
 * @throws {NodeUnreachable} when there is no response.
 */
export async function forwardRequest(
  node: string,
  origin: string,
  [request, response]: [IncomingMessage & { originalUrl: string }, ServerResponse],
): Promise<void> {
  if (response.closed) return;
  const send = node.startsWith('https:') ? httpsRequest : httpRequest;
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  const outgoing = send(node + request.originalUrl, {
    method: request.method,
    agent: false,
    headers: {
      ...endToEnd(request.headers),
      ...(isChunked && { 'transfer-encoding': 'chunked' }),
      [FORWARDED_ORIGIN]: origin,
    },
  });
  outgoing.once('socket', (socket) => watch(socket, outgoing));
  const abandon = (): void => void outgoing.destroy();
  response.once('close', abandon);
  request.pipe(outgoing);
  try {
    const answer = await answerTo(outgoing);
    closeUnlessRead(response);
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    // A client or a node that disconnects ends both connections.
    await pipeline(answer, response).catch(() => response.destroy());
  } finally {
    response.off('close', abandon);
    request.unpipe(outgoing);
    request.resume();
    outgoing.destroy();
  }
}

async function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  outgoing.once('response', resolve);
  outgoing.on('error', (error) => reject(new NodeUnreachable(reasonOf(error), { cause: error })));
  outgoing.once('close', () => reject(new NodeUnreachable('the connection was closed')));
  return promise;
}

function watch(socket: Socket, outgoing: ClientRequest): void {
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const limit = setTimeout(() => outgoing.destroy(new Error('the node does not answer')), CONNECT_LIMIT_MS);
  // A port that takes connections may still not speak TLS.
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => clearTimeout(limit));
  socket.once('close', () => clearTimeout(limit));
}

const endToEnd = (headers: IncomingMessage['headers']): IncomingMessage['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.test(name)));
