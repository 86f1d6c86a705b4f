import { Module, type OnApplicationShutdown } from '@nestjs/common';

import { ApplyModule } from './apply/index.js';
import { ConsoleModule } from './console/index.js';
import { ContainersModule } from './containers/index.js';
import { CredentialsModule } from './credentials/index.js';
import { Database, DatabaseModule } from './database/index.js';
import { Engine, EngineModule } from './engine/index.js';
import { GatewayModule } from './gateway/index.js';
import { RuntimeMetricsModule } from './metrics/index.js';
import { NodesModule } from './nodes/index.js';
import { RestModule } from './rest/index.js';
import { RetentionModule } from './retention/index.js';
import { RunningModule } from './running/index.js';

/** The embedded runtime, complete. What it stands on goes last, when HTTP and everything above have ended. */
@Module({
  imports: [
    DatabaseModule,
    NodesModule,
    EngineModule,
    CredentialsModule,
    RestModule,
    GatewayModule,
    ContainersModule,
    ConsoleModule,
    RetentionModule,
    ApplyModule,
    RunningModule,
    RuntimeMetricsModule,
  ],
})
export class RuntimeModule implements OnApplicationShutdown {
  constructor(
    private readonly engine: Engine,
    private readonly database: Database,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.engine.stop();
    await this.database.close();
  }
}
