import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import type { Cuts } from './cuts.js';
import { responseOf } from './response-of.js';

/**
 * Looks at a connection on which nothing has moved for a while. With something left to send nobody reads there, and it
 * is cut. With a request in progress it may stay: a call takes its time, a stream may have nothing to say. Else it idles
 * and is closed, as Node would have done.
 */
export function watchSilence(server: Server, stallMs: number, cuts: Cuts): void {
  server.setTimeout(stallMs, (socket: Socket) => {
    const isStuck = socket.writableLength > 0;
    if (isStuck) cuts.count('slow_reader');
    if (isStuck || !responseOf(socket)) socket.destroy();
    else socket.setTimeout(stallMs);
  });
}
