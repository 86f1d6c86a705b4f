import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';

import { HealthModule } from '../health/index.js';
import { McpModule } from '../mcp/index.js';
import { BrowserPage, EndpointController, HostController, Page } from './page.controller.js';

/** Paths of the page that are outside the prefix of the API. */
export const HOST_PATHS = ['/', 'llms.txt', '.well-known/mcp/catalog.json'];

/** The page of an MCP endpoint in a browser, and what programs read to find it. */
@Module({
  imports: [HealthModule, McpModule],
  controllers: [HostController, EndpointController],
  providers: [BrowserPage, Page],
})
export class PageModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(BrowserPage).forRoutes('mcp');
  }
}
