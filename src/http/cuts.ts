import { metrics } from '@opentelemetry/api';

/** Why a connection was ended that its client would have kept. */
const REASONS = [
  'headers_too_large',
  'chunk_extensions_too_large',
  'malformed_request',
  'slow_request',
  'slow_reader',
  'too_many_connections',
] as const;
export type Reason = (typeof REASONS)[number];

/** How often connections were cut; nothing is counted of those that were not. */
export class Cuts {
  private readonly counter = metrics
    .getMeter('cyberun-http')
    .createCounter('cyberun.http.connections.cut', { description: 'Connections this server has cut' });

  constructor() {
    // There from the start, so that the first one is seen as a rise.
    for (const reason of REASONS) this.counter.add(0, { reason });
  }

  count(reason: Reason): void {
    this.counter.add(1, { reason });
  }
}
