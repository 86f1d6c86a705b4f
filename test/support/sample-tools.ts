import { EventEmitter, once } from 'node:events';

import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';
import { z } from 'zod';

import { advertised, RequiresPermission, Streaming, ToolContext, ToolInput } from '../../src/mcp/index.js';
import { UpstreamError } from '../../src/upstream/index.js';

const echoInput = z.object({ text: z.string().max(1000).describe('What to say back') });
const countInput = z.object({ to: z.number().int().min(1).max(100) });
const nothing = z.object({});
const anything = advertised(z.looseObject({}));
const refuseInput = z.object({ status: z.number().int().optional() });

/** Schemas of the tools that the SDK's own server is given in the differential tests. */
export const SAMPLE_SCHEMAS = {
  echo: advertised(echoInput),
  nothing: advertised(nothing),
  refuse: advertised(refuseInput),
  count: advertised(countInput),
  anything,
} as const;

/** Ordinary tools, and a record of what reached them. */
@McpController()
export class SampleTools {
  readonly seen: ToolContext[] = [];

  @Tool({
    name: 'echo',
    description: 'Says it back',
    parameters: SAMPLE_SCHEMAS.echo,
    outputSchema: anything,
    annotations: { title: 'Echo', readOnlyHint: true },
  })
  echo(@ToolInput(echoInput) { text }: z.infer<typeof echoInput>, @Ctx() context: ToolContext): object {
    this.seen.push(context);
    return { text };
  }

  @Tool({ name: 'nothing', description: 'Does nothing', parameters: SAMPLE_SCHEMAS.nothing })
  nothing(): object {
    return { ok: true };
  }

  @Tool({ name: 'refuse', description: 'Says no', parameters: SAMPLE_SCHEMAS.refuse })
  refuse(@ToolInput(refuseInput) { status }: z.infer<typeof refuseInput>): never {
    throw new UpstreamError(
      'rejected',
      { error_message: 'resource not found' },
      { operation: 'find it', status },
    );
  }

  @Tool({ name: 'count', description: 'Counts, and reports its progress', parameters: SAMPLE_SCHEMAS.count })
  async count(
    @ToolInput(countInput) { to }: z.infer<typeof countInput>,
    @Ctx() context: ToolContext,
  ): Promise<object> {
    for (let progress = 1; progress <= to; progress += 1)
      await context.reportProgress({ progress, total: to });
    return { counted: to };
  }
}

/** Tools that do what most do not. */
@McpController()
export class OddTools {
  /** How many are waiting now. */
  waiting = 0;
  // As many as may wait at once.
  private readonly events = new EventEmitter().setMaxListeners(0);

  @Tool({ name: 'wait', description: 'Waits until the call is aborted', parameters: anything })
  async wait(@Ctx() { caller }: ToolContext): Promise<object> {
    return await this.waitFor(caller.signal);
  }

  @Streaming()
  @Tool({ name: 'stream', description: 'Waits too, as a stream', parameters: anything })
  async stream(@Ctx() { caller }: ToolContext): Promise<object> {
    return await this.waitFor(caller.signal);
  }

  @Tool({ name: 'deaf', description: 'Waits and ignores its signal', parameters: anything })
  async deaf(): Promise<object> {
    return await this.waitFor(new AbortController().signal);
  }

  @RequiresPermission('run')
  @Tool({ name: 'guarded', description: 'Needs a permission', parameters: anything })
  guarded(): object {
    return { ok: true };
  }

  @Tool({ name: 'leak', description: 'Throws a secret', parameters: anything })
  leak(): never {
    throw new Error('password=hunter2');
  }

  /** Resolves when a waiting tool has begun, or has been aborted. */
  async next(event: 'waiting' | 'stopped' | 'released'): Promise<unknown> {
    const [detail] = (await once(this.events, event)) as [unknown];
    return detail;
  }

  /** Lets the waiting tools answer. */
  release(): void {
    this.events.emit('released');
  }

  private async waitFor(signal: AbortSignal): Promise<object> {
    this.waiting += 1;
    queueMicrotask(() => this.events.emit('waiting'));
    const stopped = new Promise<object>((resolve) => {
      signal.addEventListener('abort', () => {
        this.events.emit('stopped', signal.reason);
        resolve({ stopped: String(signal.reason) });
      });
    });
    const released = this.next('released').then(() => ({ released: true }));
    return await Promise.race([stopped, released]).finally(() => (this.waiting -= 1));
  }
}
