import type { Socket } from 'node:net';

import { type RawData, WebSocket } from 'ws';

import { watchLiveness } from './liveness.js';

/** Bytes waiting for the network above which the local side is paused. */
const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;

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
