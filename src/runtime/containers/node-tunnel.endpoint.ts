import type { IncomingMessage } from 'node:http';
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';

import {
  type BeforeApplicationShutdown,
  HttpException,
  Injectable,
  Logger,
  type OnModuleInit,
} from '@nestjs/common';
import { type WebSocket, WebSocketServer } from 'ws';

import { CONNECTION_END, CONNECTION_FAILURE } from '../../contract/index.js';
import { bearerToken } from '../../http/index.js';
import { http2ServerOver } from '../../tunnel/index.js';
import { CredentialsService } from '../credentials/index.js';
import { logFailure } from '../database/index.js';
import { asksForWebSocket, refuseUpgrade, Upgrades } from '../gateway/index.js';
import { FORWARDED_CONNECTION, FORWARDED_LOG, NODE_TUNNEL_PATH } from './node-tunnels.js';
import { ReplicaRunner } from './replica-runner.js';

const KEY_WANTED =
  'Other nodes connect here with the integration key of a caller: "Authorization: Bearer sk-…".';
const FORWARDED = new RegExp(`^(${FORWARDED_CONNECTION}|${FORWARDED_LOG})/([^/?]+)$`);
const FRAME_LIMIT = 16 * 1024 * 1024;

/** Where other nodes forward the calls of services that run on an agent of this node. */
@Injectable()
export class NodeTunnelEndpoint implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Services');
  private readonly server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: FRAME_LIMIT,
  });
  private readonly open = new Set<WebSocket>();

  constructor(
    private readonly upgrades: Upgrades,
    private readonly credentials: CredentialsService,
    private readonly runner: ReplicaRunner,
  ) {}

  onModuleInit(): void {
    this.upgrades.add({
      matches: (request) => request.url === NODE_TUNNEL_PATH && asksForWebSocket(request),
      accept: (request, socket, head) => void this.accept(request, socket, head),
    });
  }

  beforeApplicationShutdown(): void {
    for (const webSocket of this.open) webSocket.terminate();
  }

  private async accept(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      await this.check(request.headers.authorization);
      this.server.handleUpgrade(request, socket, head, (webSocket) => {
        this.open.add(webSocket);
        webSocket.once('close', () => this.open.delete(webSocket));
        http2ServerOver(webSocket, (stream, headers) => void this.answer(stream, headers)).catch(
          (error: unknown) => {
            this.logger.warn({ message: 'the tunnel of another node could not be opened', error });
            webSocket.terminate();
          },
        );
      });
    } catch (error) {
      if (error instanceof HttpException && error.getStatus() < 500)
        return refuseUpgrade(socket, error.getStatus(), error.message);
      logFailure(this.logger, 'another node could not connect', error);
      refuseUpgrade(socket, 503, 'This node cannot check keys at the moment. Try again soon.');
    }
  }

  /** @returns the team of the caller. */
  private async check(authorization: string | undefined): Promise<string> {
    const { status, credential } = await this.credentials.admit(bearerToken(authorization) ?? '', {
      kind: 'integration',
      permission: 'invoke',
      route: `GET ${NODE_TUNNEL_PATH}`,
    });
    if (status !== 200) throw new HttpException(KEY_WANTED, status);
    return credential.teamId;
  }

  private async answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    try {
      const teamId = await this.check(headers.authorization);
      const [, area, deploymentId = ''] = FORWARDED.exec(headers[':path'] ?? '') ?? [];
      const isLog = area === FORWARDED_LOG;
      const replica = isLog ? this.runner.known(deploymentId) : this.runner.find(deploymentId);
      if (replica?.row.teamId !== teamId) return refuse(stream, 'the service does not run at this node');
      join(stream, isLog ? replica.log() : replica.connect());
    } catch (error) {
      if (!(error instanceof HttpException))
        logFailure(this.logger, 'a call of another node could not be taken', error);
      refuse(stream, 'the node could not take the call');
    }
  }
}

function refuse(stream: ServerHttp2Stream, reason: string): void {
  if (stream.destroyed || stream.headersSent) return;
  const headers = { ':status': 502, [CONNECTION_FAILURE]: encodeURIComponent(reason) };
  stream.respond(headers, { endStream: true });
}

/** Copies a stream of another node to one of an agent, and the answer back: status, bytes, trailers, resets. */
function join(caller: ServerHttp2Stream, agent: ClientHttp2Stream): void {
  let end: string | string[] | undefined;
  agent.on('error', () => undefined);
  caller.on('error', () => undefined);
  agent.once('response', ({ ':status': status, [CONNECTION_FAILURE]: reason }) => {
    if (caller.destroyed) return;
    const failure = reason === undefined ? {} : { [CONNECTION_FAILURE]: reason };
    caller.respond({ ':status': Number(status), ...failure }, { waitForTrailers: true });
  });
  agent.once('trailers', (trailers: IncomingHttpHeaders) => {
    end = trailers[CONNECTION_END];
  });
  caller.once('wantTrailers', () => caller.sendTrailers(end === undefined ? {} : { [CONNECTION_END]: end }));
  copy(caller, agent);
  copy(agent, caller);
}

function copy(from: ClientHttp2Stream | ServerHttp2Stream, to: ClientHttp2Stream | ServerHttp2Stream): void {
  from.on('data', (chunk: Buffer) => {
    if (to.destroyed || to.write(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  from.once('end', () => {
    // An aborted stream ends, too. The trailers arrive in the same turn.
    setImmediate(() => {
      if (from.rstCode === constants.NGHTTP2_NO_ERROR && !from.aborted) to.end();
    });
  });
  from.once('close', () => {
    if (from.rstCode !== constants.NGHTTP2_NO_ERROR || from.aborted) to.close(constants.NGHTTP2_CANCEL);
  });
}
