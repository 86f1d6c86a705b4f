import { Module } from '@nestjs/common';

import { GatewayModule } from '../gateway/index.js';
import { RuntimeTasksModule } from '../tasks/index.js';
import { NodeGauges } from './node-gauges.js';
import { SharedGauges } from './shared-gauges.js';
import { SharedState } from './shared-state.js';

/** What the runtime reports of itself when metrics are read. */
@Module({
  imports: [GatewayModule, RuntimeTasksModule],
  providers: [NodeGauges, SharedGauges, SharedState],
})
export class RuntimeMetricsModule {}
