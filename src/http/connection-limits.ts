import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import type { Limits } from '../config/index.js';
import { CONNECTIONS, observe } from '../telemetry/index.js';

import { answerClientErrors } from './client-errors.js';
import { ClosedConnections, OpenConnections, pendingResponse } from './connections.js';
import type { ErrorFormats } from './error-response.js';
import { answerExpectations, requireOneHost } from './header-checks.js';
import { closeLingering } from './lingering-close.js';
import { prepareClosing } from './server-closing.js';

/** Sets the limits of connections on every path; to be called before the server listens. */
export function limitConnections(server: Server, limits: Limits, formats: ErrorFormats): void {
  const { closeMs, headersMs, idleConnectionMs, connectionCheckMs, requestMs, stallMs } = limits;
  const closed = new ClosedConnections();
  const connections = new OpenConnections(server);
  server.headersTimeout = headersMs;
  server.requestTimeout = requestMs;
  server.keepAliveTimeout = idleConnectionMs;
  // An option of createServer, which Nest has called; read again when the server begins to listen.
  Reflect.set(server, 'connectionsCheckingInterval', connectionCheckMs);
  closeStalled(server, stallMs, closed);
  closeLingering(server);
  answerClientErrors(server, formats, closed);
  answerExpectations(server, formats);
  requireOneHost(server, formats);
  limitCount(server, connections, limits.connections, closed);
  prepareClosing(server, connections, closeMs);
  observe(CONNECTIONS.connectionsOpen, (set) => set(connections.count));
  observe(CONNECTIONS.connectionsLimit, (set) => set(limits.connections));
}

/**
 * Limits the number of connections. One more replaces the oldest that is not in use, so that idle connections cannot keep
 * other clients out; if all are in use, the new one is closed.
 */
function limitCount(
  server: Server,
  connections: OpenConnections,
  limit: number,
  closed: ClosedConnections,
): void {
  server.on('connection', () => {
    if (connections.count <= limit) return;
    const [oldest] = connections.unused();
    if (!oldest) return;
    closed.count('too_many_connections');
    oldest.destroy();
  });
}

/**
 * Checks a connection without traffic for `stallMs`. With unsent bytes, the client does not read, and the connection is
 * closed. With a request in progress it stays: a call takes its time, a stream may have nothing to send. Otherwise it is
 * idle and is closed, as Node would do.
 */
function closeStalled(server: Server, stallMs: number, closed: ClosedConnections): void {
  server.setTimeout(stallMs, (socket: Socket) => {
    const isStuck = socket.writableLength > 0;
    if (isStuck) closed.count('slow_reader');
    if (isStuck || !pendingResponse(socket)) socket.destroy();
    else socket.setTimeout(stallMs);
  });
}
