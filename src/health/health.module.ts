import { Module } from '@nestjs/common';

import { Draining, HealthController, Readiness } from './health.controller.js';

@Module({ controllers: [HealthController], providers: [Draining, Readiness], exports: [Draining, Readiness] })
export class HealthModule {}
