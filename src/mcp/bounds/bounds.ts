import { Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';

const BOUNDS = [
  'url_length',
  'body_size',
  'body_time',
  'bodies_total',
  'batch_size',
  'hello_size',
  'sessions',
  'sessions_per_key',
  'requests',
  'requests_per_key',
  'requests_per_session',
  'streams_per_session',
] as const;

/** What there is only so much of. */
export type Bound = (typeof BOUNDS)[number];

/** How often somebody wanted more; what keeps within its bounds is not counted. */
@Injectable()
export class Bounds {
  private readonly counter = metrics
    .getMeter('cyberun-mcp')
    .createCounter('cyberun.mcp.bounds.exceeded', { description: 'Requests over a bound' });

  constructor() {
    // There from the start, so that the first one is seen as a rise.
    for (const bound of BOUNDS) this.counter.add(0, { bound });
  }

  count(bound: Bound): void {
    this.counter.add(1, { bound });
  }
}
