import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';

import { WebSocket } from 'ws';

import { StartError } from '../config/index.js';
import { AGENT_REPLACED, errorBody } from '../contract/index.js';
import { http2ServerOver, type StreamListener } from '../tunnel/index.js';

/** The gateway refuses this agent; dialling again would fail in the same way. */
export class AgentRefusedError extends StartError {
  override readonly name = 'AgentRefusedError';
}

const HANDSHAKE_LIMIT_MS = 15_000;

export interface Dial {
  readonly gateway: string;
  readonly key: string;
  readonly signal: AbortSignal;
  readonly listener: StreamListener;
  /** Called once the connection is established. */
  readonly connected: () => void;
}

/**
 * Dials the gateway and answers its requests until the connection ends.
 *
 * @throws {AgentRefusedError} when the gateway refuses the agent; another error when it cannot be reached.
 */
export async function serveGateway({ gateway, key, signal, listener, connected }: Dial): Promise<void> {
  signal.throwIfAborted();
  const webSocket = new WebSocket(gateway, {
    headers: { authorization: `Bearer ${key}` },
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
    maxPayload: 16 * 1024 * 1024,
  });
  const hangUp = (): void => webSocket.terminate();
  signal.addEventListener('abort', hangUp, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      webSocket.once('unexpected-response', (_request, response) => {
        refusedBy(response).then(reject, reject);
      });
      webSocket.on('error', reject);
      webSocket.once('close', (code) => (code === AGENT_REPLACED ? reject(replaced()) : resolve()));
      // In the same tick, because the gateway may send the first request.
      webSocket.once('open', () => void http2ServerOver(webSocket, listener).then(connected, reject));
    });
  } finally {
    signal.removeEventListener('abort', hangUp);
    webSocket.terminate();
  }
}

function replaced(): AgentRefusedError {
  return new AgentRefusedError('Another agent with the same id has taken the place of this one.');
}

async function refusedBy(response: IncomingMessage): Promise<Error> {
  const status = response.statusCode ?? 0;
  const body = errorBody.safeParse(await json(response).catch(() => undefined));
  const sentence = `The gateway answered ${status}${body.success ? `: ${body.data.error_message}` : '.'}`;
  return status === 401 || status === 403 ? new AgentRefusedError(sentence) : new Error(sentence);
}
