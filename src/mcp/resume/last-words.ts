import { Injectable } from '@nestjs/common';

import { failed } from '../errors/tool-result.js';
import { ToolCatalog } from '../tools/tool-catalog.js';
import { isRecord, type RequestMessage, resultMessage } from '../transport/messages.js';

const GONE = 'The server that worked on this call is gone.';
const UNSURE = 'The call may have taken effect.';

/** What a client is told whose call ran in a process that died. */
@Injectable()
export class LastWords {
  constructor(private readonly catalog: ToolCatalog) {}

  /** The message that answers a call in the place of a process that cannot any more. */
  of({ id, params = {} }: RequestMessage): string {
    const { name, arguments: args } = params;
    const tool = this.catalog.find(String(name));
    const advice = tool?.whenLost?.(isRecord(args) ? args : {}) ?? UNSURE;
    return resultMessage(id, JSON.stringify(failed({ error_message: `${GONE} ${advice}` })));
  }
}
