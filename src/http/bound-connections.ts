import type { Server } from 'node:http';

import type { Limits } from '../config/index.js';

import { boundCount } from './bound-count.js';
import { Cuts } from './cuts.js';
import { endWithServer } from './end-with-server.js';
import { answerExpectations } from './expectations.js';
import { requireOneHost } from './host-header.js';
import { closeLingering } from './lingering-close.js';
import { OpenConnections } from './open-connections.js';
import { watchSilence } from './silent-connections.js';
import type { Spoken } from './spoken.js';
import { answerUnreadable } from './unreadable-requests.js';

/** Sets what a connection may cost, whatever is asked on it; before the server listens. */
export function boundConnections(server: Server, limits: Limits, spoken: Spoken): void {
  const { closeMs, headersMs, idleConnectionMs, lookEveryMs, requestMs, stallMs } = limits;
  const cuts = new Cuts();
  const connections = new OpenConnections(server);
  server.headersTimeout = headersMs;
  server.requestTimeout = requestMs;
  server.keepAliveTimeout = idleConnectionMs;
  // An option of createServer, which Nest has called; read again when the server begins to listen.
  Reflect.set(server, 'connectionsCheckingInterval', lookEveryMs);
  watchSilence(server, stallMs, cuts);
  closeLingering(server);
  answerUnreadable(server, spoken, cuts);
  answerExpectations(server, spoken);
  requireOneHost(server, spoken);
  boundCount(server, connections, limits.connections, cuts);
  endWithServer(server, connections, closeMs);
}
