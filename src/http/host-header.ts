import type { IncomingMessage, RequestListener, Server } from 'node:http';

import { refuse, type Spoken } from './spoken.js';

const HOST = 'host';

/**
 * Answers 400 to a request without a Host header, or with several (RFC 9112 §3.2), on every path. Of several, Node passes
 * on the first, while a proxy in front may have judged by another. Node's own answer to a missing one has no body.
 */
export function requireOneHost(server: Server, spoken: Spoken): void {
  Reflect.set(server, 'requireHostHeader', false);
  server.once('listening', () => {
    // Around the listeners rather than beside them, because one listener cannot keep a request from the next.
    const listeners = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      const message = faultOf(request);
      if (message !== undefined) refuse(response, { status: 400, message }, spoken);
      else for (const listener of listeners) listener.call(server, request, response);
    });
  });
}

function faultOf({ rawHeaders, httpVersion }: IncomingMessage): string | undefined {
  const count = hostsIn(rawHeaders);
  if (count === 1 || (count === 0 && httpVersion === '1.0')) return undefined;
  return count === 0
    ? 'Bad Request: The Host header is missing. Send the host of the URL in it'
    : 'Bad Request: There is more than one Host header. Send exactly one';
}

/** Header names and values follow one another in the list. By index, because every request is counted. */
function hostsIn(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === HOST.length && name.toLowerCase() === HOST) count += 1;
  }
  return count;
}
