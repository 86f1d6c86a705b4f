import { EventEmitter, once } from 'node:events';

import type { ServerContext } from '@modelcontextprotocol/server';
import { Ctx, Payload } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';
import { z } from 'zod';

import { advertised, Streaming, type ToolContext, ToolError } from '../../src/mcp/index.js';

/** A tool that reports what a test makes it say, until the test ends it. */
@McpController()
export class TalkTools {
  /** Why each call was over, `undefined` for one that was not stopped. */
  readonly reasons: string[] = [];
  private readonly commands = new EventEmitter();

  @Streaming({ whenLost: ({ topic }) => `Ask about ${String(topic)} again.` })
  @Tool({ name: 'talk', description: 'Talks', parameters: advertised(z.looseObject({})) })
  async talk(
    @Payload() { isOdd }: { readonly isOdd?: boolean },
    @Ctx() context: ToolContext,
  ): Promise<object> {
    if (isOdd) throw new ToolError('This is odd.');
    const { signal } = context.caller;
    let said = 0;
    let sent: Promise<void> = Promise.resolve();
    const say = (message: string): void => {
      sent = context.reportProgress({ progress: (said += 1), message });
    };
    this.commands.on('say', say);
    const stopped = once(signal, 'abort').then(() => 'stopped');
    queueMicrotask(() => this.commands.emit('begun'));
    const why = await Promise.race([once(this.commands, 'end').then(() => 'ended'), stopped]);
    this.commands.off('say', say);
    await sent;
    this.reasons.push(String(signal.reason));
    this.commands.emit('over', String(signal.reason));
    return { said, why };
  }

  @Tool({ name: 'leave', description: 'Ends its connection before it answers' })
  leave(@Ctx() context: ToolContext): object {
    const sdk = context.getArgByIndex(4) as ServerContext;
    sdk.http?.closeSSE?.();
    return { left: true };
  }

  say(...words: string[]): void {
    for (const word of words) this.commands.emit('say', word);
  }

  end(): void {
    this.commands.emit('end');
  }

  /** Resolves when a call has begun, or is over; then with the reason, should it have been stopped. */
  async next(event: 'begun' | 'over'): Promise<string> {
    const [reason] = (await once(this.commands, event)) as [string | undefined];
    return String(reason);
  }
}
