import { metrics } from '@opentelemetry/api';

/** Why the server closed a connection that its client would have kept. */
const REASONS = [
  'headers_too_large',
  'chunk_extensions_too_large',
  'malformed_request',
  'slow_request',
  'slow_reader',
  'too_many_connections',
] as const;
export type CloseReason = (typeof REASONS)[number];

/** Counts the connections that the server has closed for one of the reasons. */
export class ClosedConnections {
  private readonly counter = metrics
    .getMeter('cyberun-http')
    .createCounter('cyberun.http.connections.cut', { description: 'Connections this server has cut' });

  constructor() {
    // Present from the start, so that the first one shows as an increase.
    for (const reason of REASONS) this.counter.add(0, { reason });
  }

  count(reason: CloseReason): void {
    this.counter.add(1, { reason });
  }
}
