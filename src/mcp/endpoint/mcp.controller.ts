import { All, Controller, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { BearerGuard, type McpHttpRequest } from '../auth/index.js';
import { JsonRpcErrorFilter } from '../http/index.js';
import { RequestRouter } from './request-router.js';

/** Below the global prefix of the application. */
export const MCP_ROUTE = 'mcp';

/**
 * The MCP endpoint as a route of Nest, behind {@link HttpChecksMiddleware}. {@link Front} does the same before Express,
 * where the application chooses that.
 */
@Controller(MCP_ROUTE)
@UseGuards(BearerGuard)
@UseFilters(JsonRpcErrorFilter)
export class McpEndpointController {
  constructor(private readonly router: RequestRouter) {}

  @All()
  serve(@Req() request: McpHttpRequest, @Res() response: ServerResponse): Promise<void> {
    return this.router.serve(request, response);
  }
}
