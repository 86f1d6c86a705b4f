import type { BaseRpcContext, MessageHandler, Transport } from '@nestjs/microservices';
import { firstValueFrom, isObservable } from 'rxjs';

import type { ToolContext } from './tool-context.js';
import type { Invoke } from './tool-registry.js';

/** The hooks of Nest's instrumentation. */
export interface ProcessingHooks {
  readonly transportId: Transport | symbol;
  readonly onStart: (
    transportId: Transport | symbol,
    context: BaseRpcContext,
    run: () => Promise<unknown>,
  ) => void;
  readonly onEnd?: (transportId: Transport | symbol, context: BaseRpcContext) => void;
}

/**
 * Invokes the handler that Nest made of a tool method, with guards, interceptors, pipes and filters inside.
 *
 * @param hooks read for each call, because instrumentation may replace them.
 */
export const nestHandler =
  (handler: MessageHandler, hooks: () => ProcessingHooks): Invoke =>
  async (payload, context) => {
    const { transportId, onStart, onEnd } = hooks();
    let outcome: Promise<unknown> | undefined;
    const run = (): Promise<unknown> => (outcome = settled(handler, payload, context));
    await Promise.resolve(onStart(transportId, context, run));
    try {
      return await outcome;
    } finally {
      onEnd?.(transportId, context);
    }
  };

async function settled(handler: MessageHandler, payload: unknown, context: ToolContext): Promise<unknown> {
  const result: unknown = await handler(payload, context);
  return isObservable(result) ? firstValueFrom(result, { defaultValue: undefined }) : result;
}
