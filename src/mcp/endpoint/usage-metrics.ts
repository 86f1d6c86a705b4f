import { Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';

import { InFlightRequests } from '../calls/index.js';
import { SessionStore } from '../storage/index.js';

/** Gauges of open sessions, streams and calls, read when metrics are collected. */
@Injectable()
export class UsageMetrics {
  constructor(sessions: SessionStore, inFlight: InFlightRequests) {
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
    gauge(
      'streams.open',
      'Standalone streams, resumed streams and subscriptions',
      () => inFlight.streamCount,
    );
    gauge('calls.in_progress', 'Requests being answered', () => inFlight.callCount);
  }
}
