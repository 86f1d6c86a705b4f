import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { BearerGuard, type McpHttpRequest } from '../auth/index.js';
import { HttpChecksMiddleware, JsonRpcErrorFilter } from '../http/index.js';
import { RequestRouter } from './request-router.js';

/** Runs the same steps as the controller, in the same order, without Express and Nest's router in between. */
@Injectable()
export class Front {
  constructor(
    private readonly edge: HttpChecksMiddleware,
    private readonly guard: BearerGuard,
    private readonly filter: JsonRpcErrorFilter,
    private readonly router: RequestRouter,
  ) {}

  async serve(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    try {
      if (!this.edge.admits(request, response)) return;
      const admitted = this.guard.admit(request);
      if (admitted !== true) await admitted;
      await this.router.serve(request, response);
    } catch (error) {
      this.filter.answer(error, response);
    }
  }
}
