import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { type ToolContext, ToolError } from 'cyberun-mcp/extension';

const CALLS = 30;
const WINDOW_MS = 60_000;

/** Lets each key convert thirty amounts a minute. */
@Injectable()
export class QuotaGuard implements CanActivate {
  private windowEnd = 0;
  private readonly calls = new Map<string, number>();

  canActivate(context: ExecutionContext): true {
    const { keyHash } = context.switchToRpc().getContext<ToolContext>();
    if (Date.now() >= this.windowEnd) {
      this.windowEnd = Date.now() + WINDOW_MS;
      this.calls.clear();
    }
    const calls = (this.calls.get(keyHash) ?? 0) + 1;
    if (calls > CALLS) throw new ToolError(`Only ${CALLS} amounts are converted per minute. Wait a minute.`);
    this.calls.set(keyHash, calls);
    return true;
  }
}
