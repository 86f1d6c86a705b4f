import { Module } from '@nestjs/common';

import { BundlesModule } from '../bundles/index.js';
import { FilesModule } from '../files/index.js';
import { TasksModule } from '../tasks/index.js';
import { AgentReception } from './agent-reception.js';
import { AgentRegistry } from './agent-registry.js';
import { Dispatcher } from './dispatcher.js';
import { GatewayEndpoint } from './gateway.endpoint.js';
import { LocalKeys } from './local-keys.js';
import { RunDispatch } from './run-dispatch.js';
import { Upgrades } from './upgrades.js';

/** Agents: how they connect, who is there, and what they are given to do. */
@Module({
  imports: [BundlesModule, FilesModule, TasksModule],
  providers: [Upgrades, GatewayEndpoint, AgentReception, AgentRegistry, LocalKeys, RunDispatch, Dispatcher],
  exports: [AgentRegistry, LocalKeys, Upgrades],
})
export class GatewayModule {}
