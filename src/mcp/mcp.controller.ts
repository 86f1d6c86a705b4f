import { All, Controller, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { BearerGuard } from './auth/bearer.guard.js';
import type { KeyedRequest } from './auth/keyed-request.js';
import { RefusalFilter } from './edge/refusal.filter.js';
import { McpRoute } from './mount/mcp-route.decorator.js';
import { StreamableTransport } from './transport/streamable.transport.js';

/**
 * The MCP endpoint as a route of Nest. Host, Origin and CORS are seen to before it, by {@link EdgeMiddleware}. It serves
 * whenever somebody else has a say on its path; otherwise {@link Front} does the same, sooner.
 */
@Controller('mcp')
@UseGuards(BearerGuard)
@UseFilters(RefusalFilter)
export class McpEndpointController {
  constructor(private readonly transport: StreamableTransport) {}

  @All()
  @McpRoute()
  serve(@Req() request: KeyedRequest, @Res() response: ServerResponse): Promise<void> {
    return this.transport.serve(request, response);
  }
}
