import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { CONNECTIONS, counterOf } from '../telemetry/index.js';

const CHECK_MS = 50;

/** The connections of a server, oldest first. */
export class OpenConnections {
  private readonly sockets = new Set<Socket>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  get count(): number {
    return this.sockets.size;
  }

  /** Connections without a request in progress or an unread response: closing them loses nothing. */
  *unused(): Generator<Socket> {
    for (const socket of this.sockets) {
      if (isHttp(socket) && !pendingResponse(socket) && !socket.writableEnded && !socket.destroyed)
        yield socket;
    }
  }
}

/** False after an upgrade, whose handler then owns the socket. The parser is an internal property of Node's. */
const isHttp = (socket: Socket): boolean => Boolean(Reflect.get(socket, 'parser'));

/** The response in progress on a connection: an internal property, by which Node itself finds idle connections. */
export const pendingResponse = (socket: Duplex): ServerResponse | undefined =>
  (Reflect.get(socket, '_httpMessage') as ServerResponse | null | undefined) ?? undefined;

/**
 * Makes `server.close` end within a grace period. Node waits for every connection, also for those without any request and
 * those that a response has kept alive meanwhile: these are closed at once. Requests in progress have the grace period.
 */
export function closeWithinGrace(server: Server, connections: OpenConnections, graceMs: number): void {
  const closeUnused = (): void => {
    for (const socket of connections.unused()) socket.destroy();
  };
  const close = server.close.bind(server);
  server.close = (callback) => {
    close(callback);
    closeUnused();
    const check = setInterval(closeUnused, CHECK_MS);
    const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
    server.once('close', () => {
      clearInterval(check);
      clearTimeout(deadline);
    });
    return server;
  };
}

/** Why the server closed a connection that its client would have kept. */
const REASONS = [
  'headers_too_large',
  'chunk_extensions_too_large',
  'malformed_request',
  'slow_request',
  'slow_reader',
  'too_many_connections',
] as const;
export type CloseReason = (typeof REASONS)[number];

/** Counts the connections that the server has closed for one of the reasons. */
export class ClosedConnections {
  private readonly counter = counterOf(CONNECTIONS.connectionsCut);

  constructor() {
    // Present from the start, so that the first one shows as an increase.
    for (const reason of REASONS) this.counter.add(0, { reason });
  }

  count(reason: CloseReason): void {
    this.counter.add(1, { reason });
  }
}
