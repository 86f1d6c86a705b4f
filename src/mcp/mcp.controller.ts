import { All, Controller, Delete, Get, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';

import { BearerGuard } from './auth/bearer.guard.js';
import type { KeyedRequest } from './auth/keyed-request.js';
import { CODE, Refusal } from './edge/refusal.js';
import { RefusalFilter } from './edge/refusal.filter.js';
import { StreamableTransport } from './transport/streamable.transport.js';

type Keyed = Request & KeyedRequest;

/** The MCP endpoint. Host, Origin and CORS are seen to before it, by {@link EdgeMiddleware}. */
@Controller('mcp')
@UseGuards(BearerGuard)
@UseFilters(RefusalFilter)
export class McpEndpointController {
  constructor(private readonly transport: StreamableTransport) {}

  @Post()
  post(@Req() request: Keyed, @Res() response: Response): Promise<void> {
    return this.transport.post(request, response);
  }

  @Get()
  async get(@Req() request: Keyed, @Res() response: Response): Promise<void> {
    // Express answers HEAD by the same route, and a stream without a body would stay open for nothing.
    if (request.method !== 'GET') this.other();
    await this.transport.get(request, response);
  }

  @Delete()
  delete(@Req() request: Keyed, @Res() response: Response): Promise<void> {
    return this.transport.delete(request, response);
  }

  @All()
  other(): never {
    const headers = { Allow: 'GET, POST, DELETE' };
    throw new Refusal(405, CODE.refused, 'Method not allowed.', { headers });
  }
}
