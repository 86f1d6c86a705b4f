import { Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';

import { LIMIT_NAMES, type LimitName } from '../protocol/index.js';

/** How often somebody wanted more; what keeps within its bounds is not counted. */
@Injectable()
export class LimitCounter {
  private readonly counter = metrics
    .getMeter('cyberun-mcp')
    .createCounter('cyberun.mcp.bounds.exceeded', { description: 'Requests over a bound' });

  constructor() {
    // There from the start, so that the first one is seen as a rise.
    for (const limit of LIMIT_NAMES) this.counter.add(0, { bound: limit });
  }

  count(limit: LimitName): void {
    this.counter.add(1, { bound: limit });
  }
}
