import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { BearerGuard } from '../auth/bearer.guard.js';
import type { KeyedRequest } from '../auth/keyed-request.js';
import { EdgeMiddleware } from '../edge/edge.middleware.js';
import { RefusalFilter } from '../edge/refusal.filter.js';
import { StreamableTransport } from '../transport/streamable.transport.js';

/** Answers MCP requests with what serves the controller too, in the same order, and nothing in between. */
@Injectable()
export class Front {
  constructor(
    private readonly edge: EdgeMiddleware,
    private readonly guard: BearerGuard,
    private readonly filter: RefusalFilter,
    private readonly transport: StreamableTransport,
  ) {}

  async serve(request: KeyedRequest, response: ServerResponse): Promise<void> {
    try {
      if (!this.edge.admits(request, response)) return;
      const admitted = this.guard.admit(request);
      if (admitted !== true) await admitted;
      await this.transport.serve(request, response);
    } catch (error) {
      this.filter.answer(error, response);
    }
  }
}
