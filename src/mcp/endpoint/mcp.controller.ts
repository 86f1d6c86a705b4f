import { All, Controller, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { BearerGuard, type McpHttpRequest } from '../auth/index.js';
import { JsonRpcErrorFilter } from '../http/index.js';
import { McpRoute } from './mcp-route.decorator.js';
import { RequestRouter } from './request-router.js';

/**
 * The MCP endpoint as a route of Nest. Host, Origin and CORS are seen to before it, by {@link HttpChecksMiddleware}. It serves
 * whenever somebody else has a say on its path; otherwise {@link Front} does the same, sooner.
 */
@Controller('mcp')
@UseGuards(BearerGuard)
@UseFilters(JsonRpcErrorFilter)
export class McpEndpointController {
  constructor(private readonly router: RequestRouter) {}

  @All()
  @McpRoute()
  serve(@Req() request: McpHttpRequest, @Res() response: ServerResponse): Promise<void> {
    return this.router.serve(request, response);
  }
}
