import type { Server } from 'node:http';

import type { Cuts } from './cuts.js';
import type { OpenConnections } from './open-connections.js';

/**
 * Keeps connections to so many. One more takes the place of the one that has been there longest and is not being used,
 * so that nobody can keep others out by holding connections; if all are in use, it is the one that goes.
 */
export function boundCount(server: Server, connections: OpenConnections, most: number, cuts: Cuts): void {
  server.on('connection', () => {
    if (connections.count <= most) return;
    const [longest] = connections.unused();
    if (!longest) return;
    cuts.count('too_many_connections');
    longest.destroy();
  });
}
