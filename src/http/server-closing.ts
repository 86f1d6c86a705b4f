import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import type { OpenConnections } from './connections.js';
import { EVENT_STREAM_HEADERS } from './headers.js';

const CHECK_MS = 50;
const closings = new WeakMap<Server, ServerClosing>();

/** How a server stops without losing a request. {@link limitConnections} prepares it. */
export class ServerClosing {
  private check: NodeJS.Timeout | undefined;
  private readonly close: Server['close'];

  constructor(
    private readonly server: Server,
    private readonly connections: OpenConnections,
    graceMs: number,
  ) {
    this.close = server.close.bind(server);
    // Node waits for every connection, also for those without any request and those that a response has kept alive.
    server.close = (callback) => {
      this.stopAccepting(callback);
      const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
      server.once('close', () => clearTimeout(deadline));
      return server;
    };
  }

  /**
   * From now on each response says `Connection: close` and ends its connection, so that clients send their next request
   * on a new one, which leads to another replica.
   */
  announce(): void {
    const last = (_request: IncomingMessage, response: ServerResponse): void => {
      response.shouldKeepAlive = false;
    };
    // Before every listener that answers.
    this.server.prependListener('request', last);
    for (const response of this.connections.responses())
      if (!response.headersSent) response.shouldKeepAlive = false;
  }

  /** Accepts no more connections, and closes those without a request. */
  stopAccepting(callback?: (error?: Error) => void): void {
    this.close(callback);
    this.closeUnused();
    this.check ??= setInterval(() => this.closeUnused(), CHECK_MS);
    this.server.once('close', () => clearInterval(this.check));
  }

  /**
   * Resolves when all requests that have arrived are answered, or at the limit. Streams of events, which have no end, do
   * not count, nor do requests that are still arriving: they have the grace of `server.close()`.
   */
  async idle(limitMs: number): Promise<void> {
    const end = performance.now() + limitMs;
    while (performance.now() < end && [...this.connections.responses()].some(isAwaited))
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
  }

  private closeUnused(): void {
    for (const socket of this.connections.unused()) socket.destroy();
  }
}

/** Express adds a charset to the type. */
const isAwaited = (response: ServerResponse): boolean =>
  response.req.complete &&
  !String(response.getHeader('content-type')).startsWith(EVENT_STREAM_HEADERS['Content-Type']);

/** @param graceMs for responses in progress after `server.close()`. */
export function prepareClosing(server: Server, connections: OpenConnections, graceMs: number): void {
  closings.set(server, new ServerClosing(server, connections, graceMs));
}

/** @throws for a server without limits. */
export function closingOf(server: Server): ServerClosing {
  const closing = closings.get(server);
  if (!closing) throw new Error('limitConnections was not called for this server');
  return closing;
}
