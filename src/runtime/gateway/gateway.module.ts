import { Module } from '@nestjs/common';

import { BundlesModule } from '../bundles/index.js';
import { FilesModule } from '../files/index.js';
import { LogsModule } from '../logs/index.js';
import { RuntimeTasksModule } from '../tasks/index.js';
import { AgentArrivals } from './agent-arrivals.js';
import { AgentDirectory } from './agent-directory.js';
import { AgentKeys } from './agent-keys.js';
import { AgentRegistry } from './agent-registry.js';
import { AgentsController } from './agents.controller.js';
import { Dispatcher } from './dispatcher.js';
import { GatewayEndpoint } from './gateway.endpoint.js';
import { LocalAgent } from './local-agent.js';
import { RunDispatch } from './run-dispatch.js';
import { Upgrades } from './upgrades.js';

/** Agents: their connections, registry and runs, and the local agent. */
@Module({
  imports: [BundlesModule, FilesModule, LogsModule, RuntimeTasksModule],
  controllers: [AgentsController],
  providers: [
    Upgrades,
    GatewayEndpoint,
    AgentArrivals,
    AgentDirectory,
    AgentKeys,
    AgentRegistry,
    LocalAgent,
    RunDispatch,
    Dispatcher,
  ],
  exports: [AgentRegistry, LocalAgent, Upgrades],
})
export class GatewayModule {}
