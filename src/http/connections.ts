import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { CONNECTIONS, counterOf } from '../telemetry/index.js';

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

  /** Responses in progress. */
  *responses(): Generator<ServerResponse> {
    for (const socket of this.sockets) {
      const response = pendingResponse(socket);
      if (response) yield response;
    }
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
