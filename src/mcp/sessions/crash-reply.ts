import { Injectable } from '@nestjs/common';

import { isRecord, type RequestMessage, resultMessage } from '../protocol/index.js';
import { failed, type RegisteredTool, ToolRegistry } from '../tools/index.js';

const GONE = 'The server that worked on this call is gone.';
const UNSURE = 'The call may have taken effect.';

/** What a client is told whose call ran in a process that died. */
@Injectable()
export class CrashReply {
  constructor(private readonly registry: ToolRegistry) {}

  /** The message that answers a call in the place of a process that cannot any more. */
  of({ id, params = {} }: RequestMessage): string {
    const { name, arguments: args } = params;
    const tool = typeof name === 'string' ? this.registry.find(name) : undefined;
    const advice = adviceOf(tool, isRecord(args) ? args : {});
    return resultMessage(id, JSON.stringify(failed({ error_message: `${GONE} ${advice}` })));
  }
}

/** Nobody has looked at the arguments yet, so they may be more than an author thought of. */
function adviceOf(tool: RegisteredTool | undefined, args: Record<string, unknown>): string {
  try {
    return tool?.whenLost?.(args) ?? UNSURE;
  } catch {
    return UNSURE;
  }
}
