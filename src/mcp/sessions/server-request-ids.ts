import { randomBytes } from 'node:crypto';

import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';

import { isNotification, isRecord, isRequest } from '../protocol/index.js';

const MARK_BYTES = 9;

/**
 * The ids of the questions one SDK server asks its client. Every server counts from zero, and a session has one in each
 * replica, so a mark is put before the number; what the client says about a question then finds the one who asked.
 */
export class ServerRequestIds {
  private readonly prefix = `${randomBytes(MARK_BYTES).toString('base64url')}.`;

  /** A message of the server as the client gets it. */
  toClient(message: JSONRPCMessage): JSONRPCMessage {
    if (isRequest(message)) {
      const { id, params } = message;
      const meta = params?._meta;
      const asked = { ...message, id: this.prefixed(id) };
      if (meta?.progressToken === undefined) return asked;
      const prefixed = { ...meta, progressToken: this.prefixed(meta.progressToken) };
      return { ...asked, params: { ...params, _meta: prefixed } };
    }
    if (isNotification(message) && message.method === 'notifications/cancelled') {
      const requestId = this.prefixed(message.params?.['requestId'] as RequestId);
      return { ...message, params: { ...message.params, requestId } };
    }
    return message;
  }

  /** A message of the client as the server knows it; `undefined` when it is about a question of somebody else. */
  fromClient(message: JSONRPCMessage): JSONRPCMessage | undefined {
    if (isRequest(message)) return message;
    if (!isNotification(message)) {
      const id = this.unprefixed(Reflect.get(message, 'id'));
      return id === undefined ? undefined : { ...message, id };
    }
    if (message.method !== 'notifications/progress' || !isRecord(message.params)) return message;
    const progressToken = this.unprefixed(message.params['progressToken']);
    if (progressToken === undefined) return undefined;
    return { ...message, params: { ...message.params, progressToken } };
  }

  private prefixed(id: RequestId): string {
    return this.prefix + String(id);
  }

  private unprefixed(id: unknown): number | undefined {
    return typeof id === 'string' && id.startsWith(this.prefix)
      ? Number(id.slice(this.prefix.length))
      : undefined;
  }
}
