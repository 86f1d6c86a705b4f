import type { ClientHttp2Session } from 'node:http2';

import { AGENT_PATHS } from '../../contract/index.js';

/** Unanswered requests in a row after which an agent counts as unresponsive. */
const UNANSWERED_ALLOWED = 5;

/**
 * Sends health requests to an agent at an interval, and calls back once when it does not answer. Its WebSocket may still
 * be alive: pings are answered by another layer.
 */
export function watchAgent(session: ClientHttp2Session, everyMs: number, unresponsive: () => void): void {
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
