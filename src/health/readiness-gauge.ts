import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from '../config/index.js';
import { observe, PROCESS } from '../telemetry/index.js';
import { Draining, Readiness } from './health.controller.js';

/** What `/health/ready` answers, among the metrics. */
@Injectable()
export class ReadinessGauge {
  constructor(draining: Draining, readiness: Readiness, @Inject(CONFIG) { role }: Config) {
    observe(PROCESS.ready, async (set) => {
      const isReady = !draining.isUnderWay && (await readiness.problem()) === undefined;
      set(isReady ? 1 : 0, { role });
    });
  }
}
