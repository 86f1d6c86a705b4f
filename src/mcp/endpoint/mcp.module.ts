import {
  type BeforeApplicationShutdown,
  type MiddlewareConsumer,
  Module,
  type NestModule,
} from '@nestjs/common';
import { MCP_STRATEGY } from '@rekog/mcp-nest';

import { AuthModule } from '../auth/index.js';
import { CallsModule, InFlightRequests } from '../calls/index.js';
import { HttpChecksMiddleware, HttpChecksModule } from '../http/index.js';
import { ResourcesModule } from '../resources/index.js';
import { SessionsModule } from '../sessions/index.js';
import { StatelessModule } from '../stateless/index.js';
import { StorageModule } from '../storage/index.js';
import { ToolCallsModule } from '../tools/index.js';
import { CyberunStrategy } from './cyberun.strategy.js';
import { McpEndpointController } from './mcp.controller.js';
import { Front, Mount } from './mount.js';
import { RequestRouter } from './request-router.js';
import { ScopeChecks } from './scope-checks.js';
import { StreamableTransport } from './streamable.transport.js';
import { UsageMetrics } from './usage-metrics.js';

/** The MCP endpoint. Tools come from other modules, as `@McpController` classes. */
@Module({
  imports: [
    AuthModule,
    CallsModule,
    HttpChecksModule,
    ResourcesModule,
    SessionsModule,
    StatelessModule,
    StorageModule,
    ToolCallsModule,
  ],
  controllers: [McpEndpointController],
  providers: [
    CyberunStrategy,
    Front,
    Mount,
    UsageMetrics,
    RequestRouter,
    ScopeChecks,
    StreamableTransport,
    { provide: MCP_STRATEGY, useExisting: CyberunStrategy },
  ],
  exports: [AuthModule, MCP_STRATEGY, ToolCallsModule],
})
export class McpModule implements NestModule, BeforeApplicationShutdown {
  constructor(private readonly inFlight: InFlightRequests) {}

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(HttpChecksMiddleware).forRoutes(McpEndpointController);
  }

  /** Fallback if drainMcp was not called: an open stream would keep the HTTP server from closing. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.inFlight.drain(0);
  }
}
