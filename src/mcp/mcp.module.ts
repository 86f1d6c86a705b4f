import {
  type BeforeApplicationShutdown,
  type MiddlewareConsumer,
  Module,
  type NestModule,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { MCP_STRATEGY } from '@rekog/mcp-nest';

import { UpstreamModule } from '../upstream/index.js';
import { BearerGuard } from './auth/bearer.guard.js';
import { KeyVerdicts } from './auth/key-verdicts.js';
import { Bounds } from './bounds/bounds.js';
import { Occupancy } from './bounds/occupancy.js';
import { AllowedNames } from './edge/allowed-names.js';
import { BodyReader } from './edge/body-reader.js';
import { EdgeMiddleware } from './edge/edge.middleware.js';
import { RefusalFilter } from './edge/refusal.filter.js';
import { Failures } from './errors/failures.js';
import { ToolResultInterceptor } from './errors/tool-result.interceptor.js';
import { Handshake } from './legacy/handshake.js';
import { LegacyCalls } from './legacy/legacy-calls.js';
import { LegacyEndpoint } from './legacy/legacy-endpoint.js';
import { LegacyExchanges } from './legacy/legacy-exchanges.js';
import { LegacyNotices } from './legacy/legacy-notices.js';
import { LegacyRequests } from './legacy/legacy-requests.js';
import { LiveSessions } from './legacy/live-sessions.js';
import { SessionStreams } from './legacy/session-streams.js';
import { StandaloneStreams } from './legacy/standalone-streams.js';
import { McpEndpointController } from './mcp.controller.js';
import { Front } from './mount/front.js';
import { Mount } from './mount/mount.js';
import { HotRequests } from './modern/hot-requests.js';
import { ModernCalls } from './modern/modern-calls.js';
import { ModernEndpoint } from './modern/modern-endpoint.js';
import { ModernResults } from './modern/modern-results.js';
import { SdkExchanges } from './modern/sdk-exchanges.js';
import { SdkModern } from './modern/sdk-modern.js';
import { sessionStorage } from './replicas/session-storage.js';
import { KeptStreams } from './resume/kept-streams.js';
import { LastWords } from './resume/last-words.js';
import { ResumedStreams } from './resume/resumed-streams.js';
import { SERVER_INFO, serverInfo } from './server-info.js';
import { ToolCatalog } from './tools/tool-catalog.js';
import { ToolRunner } from './tools/tool-runner.js';
import { Announcements } from './transport/announcements.js';
import { CyberunStrategy } from './transport/cyberun.strategy.js';
import { Outbox } from './transport/outbox.js';
import { Posts } from './transport/posts.js';
import { SdkServers } from './transport/sdk-servers.js';
import { StreamableTransport } from './transport/streamable.transport.js';
import { ToolCalls } from './transport/tool-calls.js';
import { Traffic } from './transport/traffic.js';

const bounds = [Bounds, Occupancy];
const edge = [AllowedNames, EdgeMiddleware, BearerGuard, BodyReader, RefusalFilter];
const tools = [ToolCatalog, ToolRunner, ToolCalls, Failures];
const legacy = [
  LiveSessions,
  LastWords,
  KeptStreams,
  ResumedStreams,
  LegacyRequests,
  LegacyNotices,
  LegacyCalls,
  LegacyExchanges,
  Handshake,
  StandaloneStreams,
  SessionStreams,
  LegacyEndpoint,
];
const modern = [HotRequests, ModernResults, ModernCalls, SdkModern, SdkExchanges, ModernEndpoint];
const transport = [Traffic, Outbox, Posts, SdkServers, Announcements, StreamableTransport, CyberunStrategy];

const mount = [Front, Mount];

/** The MCP endpoint. Tools come from other modules, as `@McpController` classes. */
@Module({
  imports: [UpstreamModule],
  controllers: [McpEndpointController],
  providers: [
    KeyVerdicts,
    ...bounds,
    ...edge,
    ...tools,
    ...sessionStorage,
    ...legacy,
    ...modern,
    ...transport,
    ...mount,
    { provide: MCP_STRATEGY, useExisting: CyberunStrategy },
    { provide: SERVER_INFO, useValue: serverInfo },
    { provide: APP_INTERCEPTOR, useClass: ToolResultInterceptor },
  ],
  exports: [KeyVerdicts, MCP_STRATEGY],
})
export class McpModule implements NestModule, BeforeApplicationShutdown {
  constructor(private readonly traffic: Traffic) {}

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(EdgeMiddleware).forRoutes(McpEndpointController);
  }

  /** The belt to drainMcp's braces: an open stream would keep the HTTP server from closing. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.traffic.drain(0);
  }
}
