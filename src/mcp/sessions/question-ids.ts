import { randomBytes } from 'node:crypto';

import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';

import { isNotice, isRecord, isRequest } from '../protocol/index.js';

const MARK_BYTES = 9;

/**
 * The ids of the questions one SDK server asks its client. Every server counts from zero, and a session has one in each
 * replica, so a mark is put before the number; what the client says about a question then finds the one who asked.
 */
export class QuestionIds {
  private readonly mark = `${randomBytes(MARK_BYTES).toString('base64url')}.`;

  /** A message of the server as the client gets it. */
  outward(message: JSONRPCMessage): JSONRPCMessage {
    if (isRequest(message)) {
      const { id, params } = message;
      const meta = params?._meta;
      const asked = { ...message, id: this.marked(id) };
      if (meta?.progressToken === undefined) return asked;
      const marked = { ...meta, progressToken: this.marked(meta.progressToken) };
      return { ...asked, params: { ...params, _meta: marked } };
    }
    if (isNotice(message) && message.method === 'notifications/cancelled') {
      const requestId = this.marked(message.params?.['requestId'] as RequestId);
      return { ...message, params: { ...message.params, requestId } };
    }
    return message;
  }

  /** A message of the client as the server knows it; `undefined` when it is about a question of somebody else. */
  inward(message: JSONRPCMessage): JSONRPCMessage | undefined {
    if (isRequest(message)) return message;
    if (!isNotice(message)) {
      const id = this.unmarked(Reflect.get(message, 'id'));
      return id === undefined ? undefined : { ...message, id };
    }
    if (message.method !== 'notifications/progress' || !isRecord(message.params)) return message;
    const progressToken = this.unmarked(message.params['progressToken']);
    if (progressToken === undefined) return undefined;
    return { ...message, params: { ...message.params, progressToken } };
  }

  private marked(id: RequestId): string {
    return this.mark + String(id);
  }

  private unmarked(id: unknown): number | undefined {
    return typeof id === 'string' && id.startsWith(this.mark)
      ? Number(id.slice(this.mark.length))
      : undefined;
  }
}
