import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';

import { RateLimits } from '../../http/index.js';
import { ToolError } from '../protocol/index.js';
import { mcpRequestOf } from './mcp-http-request.js';

const COST = 'cyberun:rate-cost';

/** Rejects a call when the rate of its key has not enough left for what the tool costs. */
@Injectable()
export class RateCostGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly rates: RateLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<true> {
    const request = mcpRequestOf(context);
    const cost = this.reflector.get<number | undefined>(COST, context.getHandler());
    if (cost === undefined || !request) return true;
    // Its request is counted already.
    const refusal = await this.rates.takeMore(request.auth.owner, cost - 1);
    if (refusal) throw new ToolError(refusal.message, refusal.retryAfterSeconds);
    return true;
  }
}

/**
 * Marks a tool whose call counts as so many requests of its key, where the operator has set CYBERUN_HTTP_RATE_PER_KEY. The
 * guard runs for no other tool.
 *
 * @throws when it is not a whole number of at least 2.
 */
export function RateCost(cost: number): MethodDecorator {
  if (!Number.isSafeInteger(cost) || cost < 2)
    throw new Error(
      `@RateCost(${cost}) must be a whole number of at least 2: each request counts as 1 anyway.`,
    );
  return applyDecorators(SetMetadata(COST, cost), UseGuards(RateCostGuard));
}
