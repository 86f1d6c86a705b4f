import { Module } from '@nestjs/common';

import { McpModule } from '../../mcp/index.js';
import { UpstreamModule } from '../../upstream/index.js';
import { ContainerServicesPrompts } from './container-services.prompts.js';
import { ContainerServicesService } from './container-services.service.js';
import { ContainerServicesTools } from './container-services.tools.js';

@Module({
  imports: [McpModule, UpstreamModule],
  controllers: [ContainerServicesTools, ContainerServicesPrompts],
  providers: [ContainerServicesService],
})
export class ContainerServicesModule {}
