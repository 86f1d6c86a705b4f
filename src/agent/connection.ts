import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';

import { Logger } from '@nestjs/common';
import { WebSocket } from 'ws';

import { errorText, StartError } from '../config/index.js';
import { AGENT_GOODBYE, AGENT_REPLACED, DIALLED_HEADER, errorBody, GATEWAY_PATH } from '../contract/index.js';
import { http2ServerOver, keepRunning, type StreamListener } from '../tunnel/index.js';
import { proxiedSocket } from './outbound.js';
import type { Worker } from './worker.js';

/** The gateway refuses this agent; dialling again would fail in the same way. */
class AgentRefusedError extends StartError {
  override readonly name = 'AgentRefusedError';
}

const logger = new Logger('Agent');
const HANDSHAKE_LIMIT_MS = 15_000;
const GOODBYE_LIMIT_MS = 500;
/** WebSocket close code "going away": to the gateway the agent is lost, and may come back with its runs. */
const AGENT_RESTARTS = 1001;
const REDIAL = { firstMs: 100, longestMs: 10_000, isSpread: true };

interface GatewayOptions {
  /** Dialled in turn. */
  readonly gateways: readonly string[];
  readonly key: string;
  readonly agentId: string;
  /** The runs of the agent outlast it, and its successor has them. Default: it gives them back. */
  readonly isLeavingRuns?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Dials the gateway and has the worker answer its requests; dials again whenever the connection ends, until the signal is
 * aborted.
 *
 * @throws {AgentRefusedError} when the gateway refuses the agent.
 */
export async function stayConnected(worker: Worker, options: GatewayOptions): Promise<void> {
  const { agentId, gateways, signal } = options;
  let dialled = 0;
  const serve = async (recovered: () => void): Promise<void> => {
    const gateway = gateways[dialled % gateways.length] ?? '';
    dialled += 1;
    try {
      await serveGateway(worker, { ...options, gateway }, () => {
        recovered();
        logger.log(`agent ${agentId} is connected to ${gateway}`);
      });
    } catch (error) {
      if (error instanceof AgentRefusedError) throw error;
      if (!signal.aborted) logger.warn(`the gateway ${gateway} cannot be reached: ${errorText(error)}`);
    }
    await worker.idle();
  };
  await keepRunning(serve, signal, REDIAL);
}

async function serveGateway(
  worker: Worker,
  { gateway, key, isLeavingRuns, signal }: GatewayOptions & { readonly gateway: string },
  connected: () => void,
): Promise<void> {
  signal.throwIfAborted();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(HANDSHAKE_LIMIT_MS)]);
  const proxied = await proxiedSocket(gateway, limit);
  const webSocket = new WebSocket(gateway, {
    ...(proxied && { createConnection: () => proxied }),
    headers: { authorization: `Bearer ${key}`, [DIALLED_HEADER]: addressOf(gateway) },
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
    maxPayload: 16 * 1024 * 1024,
  });
  const listener: StreamListener = (stream, headers) => worker.answer(stream, headers);
  const hangUp = (): void => {
    webSocket.close(isLeavingRuns ? AGENT_RESTARTS : AGENT_GOODBYE, 'the agent ends');
    setTimeout(() => webSocket.terminate(), GOODBYE_LIMIT_MS).unref();
  };
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

/** What files are fetched from and stored at, when the runtime keeps them itself. */
const addressOf = (gateway: string): string => gateway.replace('ws', 'http').slice(0, -GATEWAY_PATH.length);

function replaced(): AgentRefusedError {
  return new AgentRefusedError('Another agent with the same id has taken the place of this one.');
}

async function refusedBy(response: IncomingMessage): Promise<Error> {
  const status = response.statusCode ?? 0;
  const body = errorBody.safeParse(await json(response).catch(() => undefined));
  const sentence = `The gateway answered ${status}${body.success ? `: ${body.data.error_message}` : '.'}`;
  return status === 401 || status === 403 ? new AgentRefusedError(sentence) : new Error(sentence);
}
