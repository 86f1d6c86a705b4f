import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** How much is still read after a response, so that a client that goes on sending receives it. */
const LINGER = {
  bytes: 64 * 1024 * 1024,
  /** Without any bytes arriving. */
  silenceMs: 2000,
  totalMs: 30_000,
};

/** A body up to this size is read to its end rather than giving up the connection for it. */
const SMALL_BODY = 64 * 1024;

/**
 * Closes connections as RFC 9112 §9.6 asks. Closing one while its client is sending resets it, and the client may lose a
 * response it has not read yet. So only the sending half is closed at first; the rest of the request is read and dropped,
 * and then the connection is closed. This holds for every response of the server, on any path.
 */
export function closeLingering(server: Server): void {
  // Node calls this method after the last response on a connection.
  function destroySoon(this: Socket): void {
    const request = incompleteRequestOn(this);
    if (!request || this.destroyed) {
      Socket.prototype.destroySoon.call(this);
      return;
    }
    this.end();
    request.once('end', () => Socket.prototype.destroySoon.call(this));
    drainAndClose(this);
    // The reader of the body no longer needs the rest.
    request.unpipe();
    request.resume();
  }
  server.on('connection', (socket: Socket) => {
    socket.destroySoon = destroySoon;
  });
}

/** Reads and drops what a client still sends, and closes the connection when it stops or has sent too much. */
export function drainAndClose(socket: Socket): void {
  const { bytes, silenceMs, totalMs } = LINGER;
  let left = bytes;
  const destroy = (): void => void socket.destroy();
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

/**
 * For a response that is sent before the body of its request is read: unless the rest of the body is small, the connection
 * closes after the response, since Node would read on without limit to keep it alive. To be called before the headers are
 * sent; {@link closeLingering} makes sure that the response arrives.
 */
export function closeUnlessRead(response: ServerResponse): void {
  const { req: request } = response;
  if (request.complete) return;
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  if (coding !== undefined || Number(length) > SMALL_BODY) response.shouldKeepAlive = false;
}

/** The parser, which holds the request that is arriving, is an internal property of Node's. */
function incompleteRequestOn(socket: Socket): IncomingMessage | undefined {
  const parser = Reflect.get(socket, 'parser') as { readonly incoming?: IncomingMessage | null } | null;
  const request = parser?.incoming;
  return request && !request.complete ? request : undefined;
}
