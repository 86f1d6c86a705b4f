import { Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';

import { LIMIT_NAMES, type LimitName } from '../protocol/index.js';

/** Counts requests over a limit. */
@Injectable()
export class LimitCounter {
  private readonly counter = metrics
    .getMeter('cyberun-mcp')
    .createCounter('cyberun.mcp.bounds.exceeded', { description: 'Requests over a bound' });

  constructor() {
    // Starts at zero, so that the first count is visible as an increase.
    for (const limit of LIMIT_NAMES) this.counter.add(0, { bound: limit });
  }

  count(limit: LimitName): void {
    this.counter.add(1, { bound: limit });
  }
}
