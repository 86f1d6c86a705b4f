import { Injectable } from '@nestjs/common';

import { observe, PROCESS } from '../telemetry/index.js';
import { Draining, Readiness } from './health.controller.js';

/** What `/health/ready` answers, among the metrics. */
@Injectable()
export class ReadinessGauge {
  constructor(draining: Draining, readiness: Readiness) {
    observe(PROCESS.ready, async (set) => {
      const isReady = !draining.isUnderWay && (await readiness.problem()) === undefined;
      set(isReady ? 1 : 0);
    });
  }
}
