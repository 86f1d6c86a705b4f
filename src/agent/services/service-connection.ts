import { constants, type ServerHttp2Stream } from 'node:http2';
import { Socket } from 'node:net';

import { errorText } from '../../config/index.js';
import { CONNECTION_END, CONNECTION_FAILURE } from '../../contract/index.js';

type Written = (error?: Error | null) => void;

/** A socket that ignores write errors, so that a response is still read when the service has closed its side. */
class ServiceSocket extends Socket {
  override _write(chunk: Buffer, encoding: BufferEncoding, written: Written): void {
    super._write(chunk, encoding, () => written());
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], written: Written): void {
    super._writev?.(chunks, () => written());
  }
}

/** Where a service listens. */
export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Connects a stream of the tunnel to a service. Bytes are copied without parsing them, so that a faulty
 * service cannot affect this process. Each direction ends separately.
 */
function joinToService(stream: ServerHttp2Stream, address: ServiceAddress, onData: () => void): void {
  const socket = new ServiceSocket({ allowHalfOpen: true }).connect({ ...address });
  socket.setNoDelay(true);
  socket.once('connect', () => {
    if (!stream.destroyed) stream.respond({ ':status': 200 }, { waitForTrailers: true });
    toService(stream, socket);
  });
  // An error before the connection is reported; after it, the close that follows is enough.
  socket.on('error', (error) => {
    if (!stream.headersSent) refuseConnection(stream, errorText(error));
  });
  socket.on('data', onData);
  toCaller(socket, stream);
  stream.once('close', () => socket.destroy());
}

/** Answers with the reason why there is no connection. */
export function refuseConnection(stream: ServerHttp2Stream, reason: string): void {
  if (stream.destroyed || stream.headersSent) return;
  const why = encodeURIComponent(reason.toWellFormed().slice(0, 1000));
  stream.respond({ ':status': 502, [CONNECTION_FAILURE]: why }, { endStream: true });
}

/** Delivers everything the service has sent, even when it resets the connection afterwards. */
function toCaller(socket: Socket, stream: ServerHttp2Stream): void {
  let hasEnded = false;
  stream.on('wantTrailers', () => {
    if (!stream.destroyed) stream.sendTrailers({ [CONNECTION_END]: hasEnded ? 'whole' : 'cut' });
  });
  socket.on('data', (chunk) => {
    if (stream.destroyed || stream.write(chunk)) return;
    socket.pause();
    stream.once('drain', () => socket.resume());
  });
  socket.once('end', () => {
    hasEnded = true;
    stream.end();
  });
  socket.once('close', () => stream.end());
}

function toService(stream: ServerHttp2Stream, socket: Socket): void {
  const resume = (): void => void stream.resume();
  stream.on('data', (chunk: Buffer) => {
    // Data for a service that has closed its side is discarded.
    if (!socket.writable || socket.write(chunk)) return;
    stream.pause();
    socket.once('drain', resume);
    socket.once('close', resume);
  });
  // An aborted HTTP/2 stream emits `end` too; only without an error code has it ended.
  stream.once('end', () => {
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted) socket.end();
  });
}

/** The connections to a service; distinguishes a busy service from one that hangs. */
export class ServiceTraffic {
  private open = 0;
  private lastDataAt = 0;

  join(stream: ServerHttp2Stream, address: ServiceAddress): void {
    if (this.open === 0) this.noteData();
    this.open += 1;
    stream.once('close', () => {
      this.open -= 1;
    });
    joinToService(stream, address, () => this.noteData());
  }

  /** Whether it has open connections and has sent data within the limit, or the first connection is that recent. */
  isBusy(limitMs: number): boolean {
    return this.open > 0 && performance.now() - this.lastDataAt < limitMs;
  }

  private noteData(): void {
    this.lastDataAt = performance.now();
  }
}
