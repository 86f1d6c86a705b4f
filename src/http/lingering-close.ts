import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';

/** How much is still read from a client after its answer, to get the answer to one that goes on sending. */
export interface Linger {
  readonly bytes: number;
  /** Without anything arriving. */
  readonly silenceMs: number;
  readonly totalMs: number;
}

const LINGER: Linger = { bytes: 64 * 1024 * 1024, silenceMs: 2000, totalMs: 30_000 };

/**
 * Closes connections as RFC 9112 §9.6 asks. To close one while its client is sending resets it, and the client may lose
 * the answer it has not read yet. So only our half is closed at first; what still comes of the request is read and thrown
 * away, and then the rest is closed. This holds for every answer on the server, whatever gave it.
 */
export function closeLingering(server: Server, linger = LINGER): void {
  // Node calls this method when an answer was the last one on its connection.
  function destroySoon(this: Socket): void {
    const request = incompleteRequestOn(this);
    if (!request || this.destroyed) {
      Socket.prototype.destroySoon.call(this);
      return;
    }
    this.end();
    request.once('end', () => Socket.prototype.destroySoon.call(this));
    readOut(this, linger);
    // What was reading the body has no use for the rest.
    request.unpipe();
    request.resume();
  }
  server.on('connection', (socket: Socket) => {
    socket.destroySoon = destroySoon;
  });
}

/** Closes a connection whose own half is closed when its client has stopped sending, or has sent enough. */
export function readOut(socket: Socket, { bytes, silenceMs, totalMs } = LINGER): void {
  let left = bytes;
  const destroy = (): void => {
    socket.destroy();
  };
  const silence = setTimeout(destroy, silenceMs);
  const total = setTimeout(destroy, totalMs);
  socket.once('close', () => {
    clearTimeout(silence);
    clearTimeout(total);
  });
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
    else silence.refresh();
  });
}

/** Node keeps the request that is arriving with the parser of its connection. */
function incompleteRequestOn(socket: Socket): IncomingMessage | undefined {
  const parser = Reflect.get(socket, 'parser') as { readonly incoming?: IncomingMessage | null } | null;
  const request = parser?.incoming;
  return request && !request.complete ? request : undefined;
}
