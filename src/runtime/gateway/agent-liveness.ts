import { once } from 'node:events';
import type { ClientHttp2Session, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';

import { AGENT_PATHS, agentState } from '../../contract/index.js';
import { readLines } from '../../tunnel/index.js';

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

/** Calls back when the agent begins to drain. */
export async function watchDrain(session: ClientHttp2Session, draining: () => void): Promise<void> {
  const stream = session.request({ ':path': AGENT_PATHS.state });
  stream.on('error', () => undefined);
  const [{ ':status': status }] = (await once(stream, 'response')) as [
    IncomingHttpHeaders & IncomingHttpStatusHeader,
  ];
  // An older agent ends without a drain.
  if (status !== 200) return stream.close();
  for await (const line of readLines(stream)) if (agentState.parse(line).draining) draining();
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
