import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import { responseOf } from './response-of.js';

/** The connections of a server, in the order they came. */
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

  /** Those on which no request is being answered and no answer may still be unread: closed, nothing is lost. */
  *unused(): Generator<Socket> {
    for (const socket of this.sockets) {
      if (speaksHttp(socket) && !responseOf(socket) && !socket.writableEnded && !socket.destroyed)
        yield socket;
    }
  }
}

/** Not so once it was upgraded: whoever took it over ends it. Node keeps the parser there for itself. */
const speaksHttp = (socket: Socket): boolean => Boolean(Reflect.get(socket, 'parser'));
