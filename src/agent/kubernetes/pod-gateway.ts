import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { json } from 'node:stream/consumers';

import { Logger } from '@nestjs/common';
import { type WebSocket, WebSocketServer } from 'ws';

import { errorText, StartError } from '../../config/index.js';
import { AGENT_PATHS, agentHello, GATEWAY_PATH } from '../../contract/index.js';
import { http2ClientOver } from '../../tunnel/index.js';
import type { RunName } from '../runs/run-stream.js';
import { jobName } from './run-job.js';
import type { RunTokens } from './run-token.js';

const logger = new Logger('Kubernetes');
const FRAME_LIMIT = 16 * 1024 * 1024;
const HELLO_LIMIT_MS = 10_000;
/** A pod may be short of processor time; one whose node is lost answers nothing, and its connection stays open. */
const PING = { everyMs: 10_000, unansweredAllowed: 5 };

/** Of one run: that of its pod, and the next one while the former still seems open after a failure of the network. */
const CONNECTION_LIMIT = 2;

/** What a run is to this process: of `unknown` ones another process of the agent may know. */
export type RunStanding = 'wanted' | 'over' | 'unknown';

/** The agent in the pod of a run, connected to this one. */
export interface PodConnection {
  readonly session: ClientHttp2Session;
  /** It has the order already. */
  readonly hasRun: boolean;
}

interface PodGatewayOptions {
  readonly port: number;
  readonly tokens: RunTokens;
  readonly standingOf: (run: RunName) => RunStanding;
  readonly connected: (run: RunName, pod: PodConnection) => void;
  readonly ping?: typeof PING;
}

/** Where the agents in pods dial in, each with the token of its run; to them this agent is the gateway. */
export class PodGateway {
  private readonly webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: FRAME_LIMIT,
  });
  /** Number of connections by the name of the Job. */
  private readonly open = new Map<string, number>();

  private constructor(
    private readonly server: Server,
    private readonly options: PodGatewayOptions,
  ) {
    server.on('upgrade', (request, socket, head) => this.admit(request, socket, head));
  }

  /** @throws {StartError} when the port is taken. */
  static async listen(options: PodGatewayOptions): Promise<PodGateway> {
    const server = createServer((_request, response) => response.writeHead(404).end());
    server.listen(options.port);
    await once(server, 'listening').catch((error: unknown) => {
      throw new StartError(
        `The agent cannot listen for its pods on port ${options.port}: ${errorText(error)}. Choose another with --kubernetes-port.`,
      );
    });
    return new PodGateway(server, options);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Disconnects the pods, which dial again. */
  close(): void {
    this.server.close();
    this.server.closeAllConnections();
    for (const webSocket of this.webSockets.clients) webSocket.terminate();
  }

  private admit(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const [, token = ''] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    const run = request.url === GATEWAY_PATH ? this.options.tokens.runOf(token) : undefined;
    if (!run) return refuse(socket, '401 Unauthorized', 'This is no token of a run of this agent.');
    const standing = this.options.standingOf(run);
    if (standing === 'over') return refuse(socket, '401 Unauthorized', 'This run is over for its agent.');
    // The pod dials again, and goes on until nothing has known it for long.
    if (standing === 'unknown')
      return refuse(socket, '503 Service Unavailable', 'This process of the agent does not know the run.');
    if ((this.open.get(jobName(run)) ?? 0) >= CONNECTION_LIMIT)
      return refuse(socket, '503 Service Unavailable', 'This run has too many connections already.');
    this.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.count(run, webSocket);
      void this.connect(run, webSocket);
    });
  }

  private count(run: RunName, webSocket: WebSocket): void {
    const name = jobName(run);
    this.open.set(name, (this.open.get(name) ?? 0) + 1);
    webSocket.once('close', () => {
      const left = (this.open.get(name) ?? 1) - 1;
      if (left > 0) this.open.set(name, left);
      else this.open.delete(name);
    });
  }

  private async connect(run: RunName, webSocket: WebSocket): Promise<void> {
    try {
      const session = await http2ClientOver(webSocket);
      endWhenSilent(session, webSocket, this.options.ping ?? PING);
      const request = session.request(
        { ':path': AGENT_PATHS.hello },
        { signal: AbortSignal.timeout(HELLO_LIMIT_MS) },
      );
      const { runs } = agentHello.parse(await json(request));
      const hasRun = runs.some(({ task_id, attempt }) => task_id === run.task_id && attempt === run.attempt);
      this.options.connected(run, { session, hasRun });
    } catch (error) {
      logger.warn({ message: 'the pod of a run could not be greeted', ...run, error });
      webSocket.terminate();
    }
  }
}

function endWhenSilent(
  session: ClientHttp2Session,
  webSocket: WebSocket,
  { everyMs, unansweredAllowed }: typeof PING,
): void {
  let unanswered = 0;
  const look = (): void => {
    if (unanswered >= unansweredAllowed) return webSocket.terminate();
    unanswered += 1;
    session.ping((error: Error | null) => {
      if (!error) unanswered = 0;
    });
  };
  const timer = setInterval(look, everyMs).unref();
  session.once('close', () => clearInterval(timer));
  if (session.destroyed) clearInterval(timer);
}

function refuse(socket: Duplex, status: string, sentence: string): void {
  const body = JSON.stringify({ error_message: sentence });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
