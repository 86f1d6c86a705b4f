import { constants, type ServerHttp2Stream } from 'node:http2';
import { Socket } from 'node:net';

import { CONNECTION_END, CONNECTION_FAILURE } from '../../contract/index.js';

type Written = (error?: Error | null) => void;

/** A connection whose answer is still read when the service takes nothing more: it may have answered, and closed. */
class ServiceSocket extends Socket {
  override _write(chunk: Buffer, encoding: BufferEncoding, written: Written): void {
    super._write(chunk, encoding, () => written());
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], written: Written): void {
    super._writev?.(chunks, () => written());
  }
}

/**
 * Joins a stream of the tunnel to a new connection to a service on this machine. Bytes are copied, not read: what a
 * service sends is the caller's to make sense of, and cannot harm this process. Each direction ends by itself.
 */
export function joinToService(stream: ServerHttp2Stream, port: number, heard: () => void): void {
  const socket = new ServiceSocket({ allowHalfOpen: true }).connect({ host: '127.0.0.1', port });
  socket.setNoDelay(true);
  socket.once('connect', () => {
    if (!stream.destroyed) stream.respond({ ':status': 200 }, { waitForTrailers: true });
    toService(stream, socket);
  });
  // Before there is a connection an error says why; afterwards the close that follows says enough.
  socket.on('error', (error) => {
    if (!stream.headersSent) refuseConnection(stream, error.message);
  });
  socket.on('data', heard);
  toCaller(socket, stream);
  stream.once('close', () => socket.destroy());
}

/** Says why there is no connection. */
export function refuseConnection(stream: ServerHttp2Stream, reason: string): void {
  if (stream.destroyed || stream.headersSent) return;
  const why = encodeURIComponent(reason.toWellFormed().slice(0, 1000));
  stream.respond({ ':status': 502, [CONNECTION_FAILURE]: why }, { endStream: true });
}

/** What the service has said reaches the caller also when the service resets the connection right after it. */
function toCaller(socket: Socket, stream: ServerHttp2Stream): void {
  let isWhole = false;
  stream.on('wantTrailers', () => {
    if (!stream.destroyed) stream.sendTrailers({ [CONNECTION_END]: isWhole ? 'whole' : 'cut' });
  });
  socket.on('data', (chunk) => {
    if (stream.destroyed || stream.write(chunk)) return;
    socket.pause();
    stream.once('drain', () => socket.resume());
  });
  socket.once('end', () => {
    isWhole = true;
    stream.end();
  });
  socket.once('close', () => stream.end());
}

function toService(stream: ServerHttp2Stream, socket: Socket): void {
  const goOn = (): void => void stream.resume();
  stream.on('data', (chunk: Buffer) => {
    // What comes after the service has closed is read and dropped.
    if (!socket.writable || socket.write(chunk)) return;
    stream.pause();
    socket.once('drain', goOn);
    socket.once('close', goOn);
  });
  // A stream of HTTP/2 that is cut also says it has ended; only one without a code has.
  stream.once('end', () => {
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted) socket.end();
  });
}
