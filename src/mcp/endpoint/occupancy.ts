import { Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';

import { Traffic } from '../calls/index.js';
import { Sessions } from '../storage/index.js';

/** What is open in this process, counted when somebody asks. */
@Injectable()
export class Occupancy {
  constructor(sessions: Sessions, traffic: Traffic) {
    const gauge = (name: string, description: string, count: () => number | undefined): void => {
      metrics
        .getMeter('cyberun-mcp')
        .createObservableGauge(`cyberun.mcp.${name}`, { description })
        .addCallback((result) => {
          const now = count();
          if (now !== undefined) result.observe(now);
        });
    };
    gauge(
      'sessions.open',
      'Sessions of 2025-era clients, where this process keeps them',
      () => sessions.count,
    );
    gauge('streams.open', 'Standalone streams, resumed streams and subscriptions', () => traffic.streamCount);
    gauge('calls.in_progress', 'Requests being answered', () => traffic.callCount);
  }
}
