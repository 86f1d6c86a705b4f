import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { Cuts, Reason } from './cuts.js';
import { readOut } from './lingering-close.js';
import { responseOf } from './response-of.js';
import { whenOverdue } from './slow-requests.js';
import { errorBody, type Spoken } from './spoken.js';

interface Answer {
  readonly status: number;
  readonly reason: Reason;
  readonly message: string;
}

const TOO_SLOW = 'ERR_HTTP_REQUEST_TIMEOUT';
const ANSWERS: Readonly<Record<string, Answer>> = {
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
const MALFORMED: Answer = {
  status: 400,
  reason: 'malformed_request',
  message: 'Bad Request: This is not HTTP/1.1',
};

/**
 * Answers what never becomes a request, so that no route can answer it: headers without end, no HTTP at all, a client
 * that takes for ever. Nobody knows which path was meant; whoever reads the answer finds the form they know in it.
 */
export function answerUnreadable(server: Server, spoken: Spoken, cuts: Cuts): void {
  const answerTo = (error: NodeJS.ErrnoException, socket: Socket): void => {
    // What still comes after an answer is answered with silence.
    if (socket.writableEnded && !socket.destroyed) return;
    const answer = answerFor(error);
    if (!answer || !socket.writable) {
      socket.destroy();
      return;
    }
    cuts.count(answer.reason);
    // An answer has begun, and a second one in the middle of it would be taken for a part of it.
    if (responseOf(socket)?.headersSent) socket.destroySoon();
    else say(socket, answer, spoken);
  };
  server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => {
    const answer = (): void => answerTo(error, stream as Socket);
    if (error.code === TOO_SLOW) whenOverdue(stream, answer);
    else answer();
  });
}

/** Nothing for a connection that broke: there is nobody to answer. */
const answerFor = ({ code = '' }: NodeJS.ErrnoException): Answer | undefined =>
  ANSWERS[code] ?? (code.startsWith('HPE_') ? MALFORMED : undefined);

function say(socket: Socket, { status, message }: Answer, spoken: Spoken): void {
  const body = errorBody(message, spoken);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  readOut(socket);
}
