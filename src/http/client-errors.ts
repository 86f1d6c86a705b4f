import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { type ClosedConnections, type CloseReason, pendingResponse } from './connections.js';
import { type ErrorFormats, errorJson } from './error-response.js';
import { drainAndClose } from './lingering-close.js';

interface ErrorAnswer {
  readonly status: number;
  readonly reason: CloseReason;
  readonly message: string;
}

const TOO_SLOW = 'ERR_HTTP_REQUEST_TIMEOUT';
const ANSWERS: Readonly<Record<string, ErrorAnswer>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    reason: 'headers_too_large',
    message: 'Request Header Fields Too Large: The headers of a request must not exceed 16 KiB in all',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    reason: 'chunk_extensions_too_large',
    message: 'Payload Too Large: The extensions of chunks must not exceed 16 KiB in all',
  },
  [TOO_SLOW]: {
    status: 408,
    reason: 'slow_request',
    message: 'Request Timeout: The request took too long to arrive. Send it again, in one go',
  },
};
const MALFORMED: ErrorAnswer = {
  status: 400,
  reason: 'malformed_request',
  message: 'Bad Request: This is not HTTP/1.1',
};

/**
 * Answers input that never becomes a request, so that no route can answer it: headers without end, bytes that are not
 * HTTP, a client that is too slow. The path is not known, so the body has every error format in use.
 */
export function answerClientErrors(server: Server, formats: ErrorFormats, closed: ClosedConnections): void {
  const answer = (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Answered already: input that follows is dropped.
    if (socket.writableEnded && !socket.destroyed) return;
    const found = answerTo(error);
    if (!found || !socket.writable) {
      socket.destroy();
      return;
    }
    closed.count(found.reason);
    // A response has begun, and a second one in the middle of it would be read as a part of it.
    if (pendingResponse(socket)?.headersSent) socket.destroySoon();
    else send(socket, found, formats);
  };
  server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => {
    const onError = (): void => answer(error, stream as Socket);
    if (error.code === TOO_SLOW) afterExtension(stream, onError);
    else onError();
  });
}

/** `undefined` for a lost connection, on which no answer can be sent. */
const answerTo = ({ code = '' }: NodeJS.ErrnoException): ErrorAnswer | undefined =>
  ANSWERS[code] ?? (code.startsWith('HPE_') ? MALFORMED : undefined);

function send(socket: Socket, { status, message }: ErrorAnswer, formats: ErrorFormats): void {
  const body = errorJson(message, formats);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  drainAndClose(socket);
}

interface Extension {
  readonly until: number;
  /** Aborted when the request has arrived. */
  readonly arrived: AbortSignal;
}

const extensions = new WeakMap<Duplex, Extension>();

/** Gives a request more time to arrive than `limits.requestMs`, once it is known to be authorised. */
export function extendRequestTimeout(request: IncomingMessage, ms: number): void {
  const { socket } = request;
  const arrived = new AbortController();
  extensions.set(socket, { until: Date.now() + ms, arrived: arrived.signal });
  request.once('close', () => {
    extensions.delete(socket);
    arrived.abort();
  });
}

/**
 * Calls back when a request that Node reports as too slow, once per request, has used up its time: at once, unless the
 * time was extended.
 */
function afterExtension(socket: Duplex, callback: () => void): void {
  const extension = extensions.get(socket);
  const left = (extension?.until ?? 0) - Date.now();
  if (left <= 0) {
    callback();
    return;
  }
  const timer = setTimeout(callback, left);
  extension?.arrived.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
