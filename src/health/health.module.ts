import { Module } from '@nestjs/common';

import { Draining, HealthController, Readiness } from './health.controller.js';
import { ReadinessGauge } from './readiness-gauge.js';

@Module({
  controllers: [HealthController],
  providers: [Draining, Readiness, ReadinessGauge],
  exports: [Draining, Readiness],
})
export class HealthModule {}
