import type { Socket } from 'node:net';

import { type RawData, WebSocket } from 'ws';

/** Bytes waiting for the network above which the local side is paused. */
const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;
const PING_EVERY_MS = 4000;
/** Unanswered pings after which the peer counts as dead: noticed within 12 to 16 s. */
const PINGS_UNANSWERED = 3;

/**
 * Copies bytes both ways between a WebSocket and a local socket, with back-pressure. When either ends, also abruptly, the
 * other is ended too.
 */
export function bridge(webSocket: WebSocket, local: Socket): void {
  fromNetwork(webSocket, local);
  toNetwork(webSocket, local);
  const stopWatching = watchLiveness(webSocket);

  webSocket.once('close', () => {
    stopWatching();
    local.destroy();
  });
  local.once('close', () => closeGracefully(webSocket));
  // Every error is followed by a close, which is handled above.
  webSocket.on('error', () => webSocket.terminate());
  local.on('error', () => local.destroy());
  if (webSocket.readyState !== WebSocket.OPEN) local.destroy();
}

function fromNetwork(webSocket: WebSocket, local: Socket): void {
  webSocket.on('message', (data: RawData) => {
    if (!local.writable || local.write(data as Buffer)) return;
    webSocket.pause();
    local.once('drain', () => webSocket.resume());
  });
  // A paused WebSocket would never see its own end.
  local.once('close', () => webSocket.resume());
}

function toNetwork(webSocket: WebSocket, local: Socket): void {
  local.on('data', (chunk) => {
    webSocket.send(chunk, { binary: true, compress: false }, () => {
      if (local.isPaused() && webSocket.bufferedAmount <= LOW_WATER_BYTES) local.resume();
    });
    if (webSocket.bufferedAmount > HIGH_WATER_BYTES) local.pause();
  });
}

/** Closes in order, and terminates if the peer does not answer soon. */
function closeGracefully(webSocket: WebSocket): void {
  if (webSocket.readyState === WebSocket.CLOSED) return;
  webSocket.close(1000);
  const timeout = setTimeout(() => webSocket.terminate(), 2000).unref();
  webSocket.once('close', () => clearTimeout(timeout));
}

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
