import { Module } from '@nestjs/common';

import { BundlesModule } from '../bundles/index.js';
import { GatewayModule } from '../gateway/index.js';
import { ContainerServicesController } from './container-services.controller.js';
import { InvokeController } from './invoke.controller.js';
import { ServiceRelay } from './service-relay.js';
import { ServiceRegistry } from './service-registry.js';
import { ServiceStore } from './service-store.js';
import { ServiceSupervisor } from './service-supervisor.js';
import { ServiceUpgrade } from './service-upgrade.js';

/** Container services: defined in files, run by agents, called through the tunnel. */
@Module({
  imports: [BundlesModule, GatewayModule],
  controllers: [ContainerServicesController, InvokeController],
  providers: [ServiceStore, ServiceRegistry, ServiceSupervisor, ServiceRelay, ServiceUpgrade],
})
export class ContainersModule {}
