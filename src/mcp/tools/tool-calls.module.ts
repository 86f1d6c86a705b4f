import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';

import { AuthModule } from '../auth/index.js';
import { SERVER_INFO, serverInfo } from '../protocol/index.js';
import { SdkServers } from './sdk-servers.js';
import { TaskProviders } from './task-providers.js';
import { ToolCatalog } from './tool-catalog.js';
import { ToolErrorMapper } from './tool-error-mapper.js';
import { ToolPolicy } from './tool-policy.js';
import { ToolRegistry } from './tool-registry.js';
import { ToolResultInterceptor } from './tool-result.js';
import { ToolRunner } from './tool-runner.js';
import { ToolSources } from './tool-sources.js';
import { Toolsets } from './toolsets.js';

/** The registry of tools and the way a tool is called, from its arguments to its result. */
@Module({
  imports: [AuthModule],
  providers: [
    TaskProviders,
    ToolCatalog,
    ToolErrorMapper,
    SdkServers,
    ToolPolicy,
    ToolRegistry,
    ToolRunner,
    Toolsets,
    ToolSources,
    { provide: SERVER_INFO, useValue: serverInfo },
    { provide: APP_INTERCEPTOR, useClass: ToolResultInterceptor },
  ],
  exports: [
    SERVER_INFO,
    SdkServers,
    TaskProviders,
    ToolCatalog,
    ToolErrorMapper,
    ToolRunner,
    ToolRegistry,
    Toolsets,
    ToolSources,
  ],
})
export class ToolCallsModule {}
