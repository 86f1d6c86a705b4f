import { randomBytes } from 'node:crypto';

import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';

import { isNotification, isRecord, isRequest } from '../protocol/index.js';

const MARK_BYTES = 9;

/**
 * The ids of the requests that one SDK server sends to its client. Every server counts from zero, and a session has one
 * in each replica, so each id gets a prefix; the client's response then reaches the server that sent the request.
 */
export class ServerRequestIds {
  private readonly prefix = `${randomBytes(MARK_BYTES).toString('base64url')}.`;

  /** A message of the server, with the ids that the client sees. */
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

  /** A message of the client, with the server's own ids; `undefined` when it concerns a request of another server. */
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
