import type { Server } from 'node:http';

import type { Limits } from '../config/index.js';

import { Cuts } from './cuts.js';
import { watchSilence } from './silent-connections.js';
import { answerUnreadable, type Spoken } from './unreadable-requests.js';

/** Sets what a connection may cost, whatever is asked on it; before the server listens. */
export function boundConnections(server: Server, limits: Limits, spoken: Spoken): void {
  const { headersMs, idleConnectionMs, lookEveryMs, stallMs } = limits;
  const cuts = new Cuts();
  server.headersTimeout = headersMs;
  server.keepAliveTimeout = idleConnectionMs;
  // An option of createServer, which Nest has called; read again when the server begins to listen.
  Reflect.set(server, 'connectionsCheckingInterval', lookEveryMs);
  watchSilence(server, stallMs, cuts);
  answerUnreadable(server, spoken, cuts);
}
