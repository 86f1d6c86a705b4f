import type { ClientHttp2Session } from 'node:http2';

import { AGENT_PATHS } from '../../contract/index.js';

/** Requests in a row without an answer after which an agent takes none. */
const UNANSWERED_ALLOWED = 5;

/**
 * Asks an agent for its health again and again, and calls back once when it takes no requests any more. Its WebSocket
 * may well be alive then: pings are answered by another layer.
 */
export function watchRequests(session: ClientHttp2Session, everyMs: number, unresponsive: () => void): void {
  let unanswered = 0;
  const look = (): void => {
    if (unanswered < UNANSWERED_ALLOWED && ask(session, everyMs * UNANSWERED_ALLOWED, answered)) {
      unanswered += 1;
      return;
    }
    clearInterval(timer);
    unresponsive();
  };
  const answered = (): void => {
    unanswered = 0;
  };
  const timer = setInterval(look, everyMs).unref();
  session.once('close', () => clearInterval(timer));
  if (session.destroyed) clearInterval(timer);
}

/** False when the session is closing and takes no request. */
function ask(session: ClientHttp2Session, limitMs: number, answered: () => void): boolean {
  try {
    const request = session.request(
      { ':path': AGENT_PATHS.health },
      { signal: AbortSignal.timeout(limitMs) },
    );
    request.once('response', answered);
    request.on('error', () => undefined);
    request.resume();
    return true;
  } catch {
    return false;
  }
}
