import type { WebSocket } from 'ws';

const PING_EVERY_MS = 4000;
/** Unanswered pings after which the peer counts as dead: noticed within 12 to 16 s. */
const PINGS_UNANSWERED = 3;

/** Terminates the WebSocket when the peer stops answering pings. Returns a function that stops the check. */
export function watchLiveness(webSocket: WebSocket, everyMs: number = PING_EVERY_MS): () => void {
  let unanswered = 0;
  const alive = (): void => {
    unanswered = 0;
  };
  const timer = setInterval(() => {
    // While reading is paused, pongs do not arrive.
    if (webSocket.isPaused) return;
    if (unanswered >= PINGS_UNANSWERED) return webSocket.terminate();
    unanswered += 1;
    webSocket.ping(() => undefined);
  }, everyMs);
  timer.unref();
  webSocket.on('pong', alive);
  webSocket.on('message', alive);
  return () => clearInterval(timer);
}
