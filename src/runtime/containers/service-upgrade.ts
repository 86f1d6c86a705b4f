import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { HttpException, Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';

import { bearerToken } from '../../http/index.js';
import { CredentialsService, OpenCalls } from '../credentials/index.js';
import { asksForWebSocket, refuseUpgrade, Upgrades } from '../gateway/index.js';
import { answerTo, begin, type ServiceAnswer } from './service-call.js';
import { ServiceDirectory } from './service-directory.js';
import { ServiceRelay } from './service-relay.js';
import { ServiceRouter } from './service-router.js';
import type { RunningService } from './service-state.js';

const RELAYED = /^\/api\/v1\/r\/containers\/([^/?]+)(\/.*)$/;
const KEY_REQUIRED = {
  kind: 'integration',
  permission: 'invoke',
  route: 'GET /api/v1/r/containers/:slug/{*path}',
} as const;
const KEY_WANTED =
  'Send an integration key with permission "invoke": "Authorization: Bearer sk-…", neither revoked nor expired.';

/** WebSockets to services: forwards the handshake, then copies bytes in both directions. */
@Injectable()
export class ServiceUpgrade implements OnModuleInit {
  private readonly logger = new Logger('Services');
  @Inject(OpenCalls) private readonly openCalls!: OpenCalls;
  @Inject(ServiceRouter) private readonly router!: ServiceRouter;

  constructor(
    private readonly upgrades: Upgrades,
    private readonly credentials: CredentialsService,
    private readonly services: ServiceDirectory,
    private readonly relay: ServiceRelay,
  ) {}

  onModuleInit(): void {
    this.upgrades.add({
      matches: (request) => RELAYED.test(request.url ?? '') && asksForWebSocket(request),
      accept: (request, socket, head) => void this.accept(request, socket as Socket, head),
    });
  }

  private async accept(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    try {
      const key = bearerToken(request.headers.authorization) ?? '';
      const service = await this.serviceOf(request, key);
      this.openCalls.watch(socket, key);
      await this.join(service, { request, key }, [socket, head]);
    } catch (error) {
      if (error instanceof HttpException) return refuseUpgrade(socket, error.getStatus(), error.message);
      this.logger.error({ message: 'a WebSocket could not be relayed', error });
      refuseUpgrade(socket, 503, 'This server cannot relay a WebSocket at the moment. Try again soon.');
    }
  }

  private async serviceOf(request: IncomingMessage, key: string): Promise<RunningService> {
    const { url = '' } = request;
    const { status, credential } = await this.credentials.admit(key, { ...KEY_REQUIRED, request });
    if (status !== 200) throw new HttpException(KEY_WANTED, status);
    return this.services.get(credential.teamId, RELAYED.exec(url)?.[1] ?? '');
  }

  private async join(
    service: RunningService,
    { request, key }: { readonly request: IncomingMessage; readonly key: string },
    [socket, head]: [Socket, Buffer],
  ): Promise<void> {
    const caller = { key, isStreaming: false, isRepeatable: true };
    const answer = await this.router.call(service, caller, (connection) => {
      socket.once('close', () => connection.cut());
      const outgoing = begin(connection, {
        method: 'GET',
        path: RELAYED.exec(request.url ?? '')?.[2] ?? '/',
        headers: {
          ...this.relay.headersFor(connection.service, request),
          connection: 'Upgrade',
          upgrade: 'websocket',
        },
      });
      const silenceMs = service.definition.request_timeout;
      const answered = answerTo(outgoing, connection, { method: 'GET', silenceMs });
      outgoing.end();
      return answered;
    });
    if (answer.upgraded === undefined) return this.decline(answer, [request, socket]);
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.write(headOf(answer.body), 'latin1');
    joinStreams([socket, head], [answer.connection.socket, answer.upgraded]);
  }

  /** Forwards an ordinary response of a service that declines the upgrade. */
  private async decline(answer: ServiceAnswer, [request, socket]: [IncomingMessage, Socket]): Promise<void> {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    await this.relay.answerWith(answer, [request, response]);
  }
}

/** Copies bytes in both directions, beginning with those already received. */
function joinStreams([socket, head]: [Socket, Buffer], [stream, first]: [Duplex, Buffer]): void {
  if (head.length > 0) socket.unshift(head);
  if (first.length > 0) stream.unshift(first);
  socket.pipe(stream);
  stream.pipe(socket);
  stream.once('close', () => socket.destroySoon());
}

/** The head of the 101 response, unchanged. */
function headOf({ statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [],
  );
  return `${[`HTTP/1.1 101 ${statusMessage}`, ...lines].join('\r\n')}\r\n\r\n`;
}
