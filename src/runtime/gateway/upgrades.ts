import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/** A kind of upgrade that is wanted here. */
export interface UpgradeRoute {
  readonly matches: (request: IncomingMessage) => boolean;
  readonly accept: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** The documented option of Node 24.9 and later: which requests are upgrades at all. */
type Choosy = Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };

/** The upgrades of the server's own port; each part of the runtime that takes some adds its route. */
@Injectable()
export class Upgrades implements OnApplicationBootstrap {
  private readonly routes: UpgradeRoute[] = [];

  constructor(private readonly host: HttpAdapterHost) {}

  /** Before the application has started. */
  add(route: UpgradeRoute): void {
    this.routes.push(route);
  }

  onApplicationBootstrap(): void {
    const server = this.host.httpAdapter.getHttpServer() as Choosy;
    // An upgrade that a client merely offers (h2c, say) must go on being an ordinary request.
    if (server.shouldUpgradeCallback) {
      server.shouldUpgradeCallback = (request) =>
        this.routeOf(request) !== undefined || server.listenerCount('upgrade') > 1;
    }
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const route = this.routeOf(request);
      if (route) route.accept(request, socket, head);
      else if (server.listenerCount('upgrade') === 1) {
        refuseUpgrade(
          socket,
          501,
          'Nothing here takes this upgrade. Send the request without the header Upgrade.',
        );
      }
    });
  }

  private routeOf(request: IncomingMessage): UpgradeRoute | undefined {
    return this.routes.find((route) => route.matches(request));
  }
}

/** Whether a request asks for a WebSocket. */
export const asksForWebSocket = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';

/** Answers an upgrade that is not wanted, as any other refusal is answered. */
export function refuseUpgrade(socket: Duplex, status: number, sentence: string): void {
  const body = JSON.stringify({ error_message: sentence });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
