import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';

import { type ErrorFormats, sendError } from './error-response.js';

const HOST = 'host';

/**
 * Answers 400 to a request without a Host header, or with several (RFC 9112 §3.2), on every path. Of several, Node uses
 * the first, while a proxy in front may use another. Node's own answer to a missing one has no body.
 */
export function requireOneHost(server: Server, formats: ErrorFormats): void {
  Reflect.set(server, 'requireHostHeader', false);
  server.once('listening', () => {
    // Wraps the listeners, because one listener cannot keep a request from the next.
    const listeners = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      const message = hostError(request);
      if (message !== undefined) sendError(response, { status: 400, message }, formats);
      else for (const listener of listeners) listener.call(server, request, response);
    });
  });
}

function hostError({ rawHeaders, httpVersion }: IncomingMessage): string | undefined {
  const count = countHosts(rawHeaders);
  if (count === 1 || (count === 0 && httpVersion === '1.0')) return undefined;
  return count === 0
    ? 'Bad Request: The Host header is missing. Send the host of the URL in it'
    : 'Bad Request: There is more than one Host header. Send exactly one';
}

/** Names and values alternate in the list. By index, because this runs for every request. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === HOST.length && name.toLowerCase() === HOST) count += 1;
  }
  return count;
}

/**
 * Sends `100 Continue` when the body is first read, and not before: a client that waits for it never sends a body whose
 * headers are rejected.
 */
export function answerExpectations(server: Server, formats: ErrorFormats): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const read = request._read.bind(request);
    request._read = (size) => {
      request._read = read;
      if (!response.headersSent) response.writeContinue();
      read(size);
    };
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const message =
      'Expectation Failed: Of all expectations, only 100-continue can be met. Leave out the Expect header';
    sendError(response, { status: 417, message }, formats);
  });
}
