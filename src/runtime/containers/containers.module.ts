import { Module } from '@nestjs/common';

import { BundlesModule } from '../bundles/index.js';
import { FilesModule } from '../files/index.js';
import { GatewayModule } from '../gateway/index.js';
import { RuntimeTasksModule } from '../tasks/index.js';
import { ContainerServicesController } from './container-services.controller.js';
import { InvokeController } from './invoke.controller.js';
import { NodeTunnelEndpoint } from './node-tunnel.endpoint.js';
import { NodeTunnels } from './node-tunnels.js';
import { ReplicaRunner } from './replica-runner.js';
import { ReplicaScheduler } from './replica-scheduler.js';
import { ReplicaStore } from './replica-store.js';
import { ServiceDirectory } from './service-directory.js';
import { ServiceRelay } from './service-relay.js';
import { ServiceRouter } from './service-router.js';
import { ServiceRegistry } from './service-registry.js';
import { ServiceStore } from './service-store.js';
import { ServiceUpgrade } from './service-upgrade.js';

/** Container services: defined in files, run by agents, called through the tunnel. */
@Module({
  imports: [BundlesModule, FilesModule, GatewayModule, RuntimeTasksModule],
  controllers: [ContainerServicesController, InvokeController],
  providers: [
    ServiceStore,
    ServiceRegistry,
    ReplicaStore,
    ServiceDirectory,
    ReplicaRunner,
    ReplicaScheduler,
    NodeTunnels,
    NodeTunnelEndpoint,
    ServiceRouter,
    ServiceRelay,
    ServiceUpgrade,
  ],
})
export class ContainersModule {}
