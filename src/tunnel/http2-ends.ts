import {
  type ClientHttp2Session,
  connect,
  type Http2Session,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';

import type { WebSocket } from 'ws';

import { bridge } from './bridge.js';
import { socketPair } from './socket-pair.js';

/** Flow-control window of the session; the default of 64 KB would halve the throughput. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** That of a stream, which is also the memory for a response whose caller does not read it. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
const SETTINGS = { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: 10_000 };
/** In megabytes; above it Node refuses new streams, and hundreds of full windows are normal here. */
const maxSessionMemory = 1024;
/**
 * Node closes a session that resets more than 1,000 streams at once or 33 a second (CVE-2023-44487). Here each reset is
 * a call that its caller cancelled, the peer holds a key, and the session carries every other call too.
 */
const RESETS = { streamResetBurst: 1_000_000_000, streamResetRate: 1_000_000_000 };

/** Handles one request that came through the tunnel. */
export type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** The requesting end: an HTTP/2 client over the WebSocket. The session closes when the WebSocket does. */
export async function http2ClientOver(webSocket: WebSocket): Promise<ClientHttp2Session> {
  const local = await joined(webSocket);
  const session = connect('http://tunnel', {
    createConnection: () => local,
    settings: { ...SETTINGS, enablePush: false },
    maxSessionMemory,
    ...RESETS,
  });
  session.once('connect', () => widen(session));
  return guarded(session, webSocket);
}

/** The answering end: an HTTP/2 server over the WebSocket. The session closes when the WebSocket does. */
export async function http2ServerOver(
  webSocket: WebSocket,
  listener: StreamListener,
): Promise<ServerHttp2Session> {
  const local = await joined(webSocket);
  const session = performServerHandshake(local, { settings: SETTINGS, maxSessionMemory, ...RESETS });
  session.on('stream', (stream, headers) => {
    // A stream of a session that died; the listener is notified by its close.
    stream.on('error', () => undefined);
    try {
      listener(stream, headers);
    } catch (error) {
      // A stream may be reset before it is answered, and then takes no answer: the other streams go on.
      stream.destroy(error as Error);
    }
  });
  widen(session);
  return guarded(session, webSocket);
}

async function joined(webSocket: WebSocket): Promise<Socket> {
  // No data may arrive before both sockets of the pair are connected.
  webSocket.on('error', () => webSocket.terminate());
  webSocket.pause();
  const [ours, theirs] = await socketPair();
  bridge(webSocket, theirs);
  webSocket.resume();
  return ours;
}

function widen(session: Http2Session): void {
  if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES);
}

function guarded<Session extends Http2Session>(session: Session, webSocket: WebSocket): Session {
  session.on('error', () => session.destroy());
  // After GOAWAY no stream can begin, while streams of services and runs stay open: the agent must reconnect.
  session.once('goaway', () => session.destroy());
  session.once('close', () => webSocket.close(1000));
  return session;
}
