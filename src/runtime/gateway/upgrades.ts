import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/** Handles a kind of upgrade request. */
export interface UpgradeRoute {
  readonly matches: (request: IncomingMessage) => boolean;
  readonly accept: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Node 24.9 and later: decides which requests are upgrades. */
type UpgradingServer = Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };

/** Upgrade requests of the server; each part of the runtime that handles some adds a route. */
@Injectable()
export class Upgrades implements OnApplicationBootstrap {
  private readonly routes: UpgradeRoute[] = [];

  constructor(private readonly host: HttpAdapterHost) {}

  /** To be called before the application has started. */
  add(route: UpgradeRoute): void {
    this.routes.push(route);
  }

  onApplicationBootstrap(): void {
    const server = this.host.httpAdapter.getHttpServer() as UpgradingServer;
    // A request that only offers an upgrade (such as h2c) must remain an ordinary request.
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
          'This upgrade is not supported. Send the request without the header Upgrade.',
        );
      }
    });
  }

  private routeOf(request: IncomingMessage): UpgradeRoute | undefined {
    return this.routes.find((route) => route.matches(request));
  }
}

export const asksForWebSocket = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';

/** Answers an upgrade request with an error, in the form of all errors of the API. */
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
