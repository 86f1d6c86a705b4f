import { Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';

import { type Bound, BOUNDS } from '../protocol/index.js';

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
