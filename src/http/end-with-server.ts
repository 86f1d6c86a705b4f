import type { Server } from 'node:http';

import type { OpenConnections } from './open-connections.js';

const LOOK_EVERY_MS = 50;

/**
 * Brings a server that closes to its end. Node waits for every connection then, also for those on which nothing was
 * ever asked, and for those that an answer given meanwhile has kept alive: these are closed. What is still being
 * answered has the time of the grace.
 */
export function endWithServer(server: Server, connections: OpenConnections, graceMs: number): void {
  const closeUnused = (): void => {
    for (const socket of connections.unused()) socket.destroy();
  };
  const close = server.close.bind(server);
  server.close = (callback) => {
    close(callback);
    closeUnused();
    const look = setInterval(closeUnused, LOOK_EVERY_MS);
    const limit = setTimeout(() => server.closeAllConnections(), graceMs);
    server.once('close', () => {
      clearInterval(look);
      clearTimeout(limit);
    });
    return server;
  };
}
