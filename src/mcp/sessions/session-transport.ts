import { randomBytes, randomUUID } from 'node:crypto';
import type {
  InitializeRequest,
  JSONRPCMessage,
  LoggingLevel,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server';

import type { Call } from '../calls/index.js';
import {
  isNotification,
  isRecord,
  isRequest,
  type NotificationMessage,
  type RequestMessage,
} from '../protocol/index.js';
import type { McpServer } from '../tools/index.js';
import type { LiveSession } from './live-sessions.js';

const MARK_BYTES = 9;

/**
 * The ids of the requests that one SDK server sends to its client. Every server counts from zero, and a session has one
 * in each replica, so each id gets a prefix; the client's response then reaches the server that sent the request.
 */
class ServerRequestIds {
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

/**
 * Connects the SDK server of one session to the product's streams: messages related to a request go to its response,
 * all others to the session's standalone stream.
 */
export class SessionTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage, extra?: MessageExtraInfo) => void) | undefined;
  readonly sessionId: string;
  /** Resolves once the server is initialized. */
  readonly ready: Promise<void>;
  private readonly ids = new ServerRequestIds();
  /** Requests of the client in progress, by the server's ids. */
  private readonly asked = new Map<RequestId, Call>();
  /** Ids of the server's own requests that await a response. */
  private readonly serverRequests = new Set<unknown>();
  /** Id of requests that replay the client's state; no client would choose it. */
  private readonly initializeId: RequestId = randomUUID();
  private logLevel: LoggingLevel | undefined;
  private markReady: () => void = () => undefined;

  constructor(
    readonly server: McpServer,
    private readonly live: LiveSession,
    /** Sends a message that is unrelated to a request. */
    private readonly sendUnrelated: (text: string) => Promise<void>,
  ) {
    this.sessionId = live.record.id;
    this.ready = new Promise((resolve) => (this.markReady = resolve));
    const params = JSON.parse(live.record.initializeParams) as InitializeRequest['params'];
    void server.connect(this);
    this.deliver({ jsonrpc: '2.0', id: this.initializeId, method: 'initialize', params });
  }

  /** The server has requests in progress, or awaits a response of the client. */
  get isBusy(): boolean {
    return this.asked.size > 0 || this.serverRequests.size > 0;
  }

  /** Sets the client's log level on the server, if it has changed. */
  syncLogLevel(): void {
    const { logLevel: level } = this.live.record;
    if (level === undefined || level === this.logLevel) return;
    this.logLevel = level;
    this.deliver({ jsonrpc: '2.0', id: this.initializeId, method: 'logging/setLevel', params: { level } });
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Hands a request of the client to the server; under a new id when the client uses one for two requests at
   * once. That violates the protocol, and the server would never answer one of the two.
   */
  ask(message: RequestMessage, call: Call, extra: MessageExtraInfo): void {
    const id = this.asked.has(message.id) ? randomUUID() : message.id;
    this.asked.set(id, call);
    this.onmessage?.({ ...message, id }, extra);
  }

  /** Cancels the request in the server, which then sends no response. */
  cancel(call: Call, notification: NotificationMessage): void {
    const id = [...this.asked].find(([, asked]) => asked === call)?.[0];
    if (id === undefined) return;
    this.asked.delete(id);
    this.onmessage?.({ ...notification, params: { ...notification.params, requestId: id } });
  }

  /** Hands a message of the client to the server, unless it responds to a request of another server. */
  deliver(message: JSONRPCMessage, extra?: MessageExtraInfo): boolean {
    const ours = this.ids.fromClient(message);
    if (ours && !('method' in ours)) this.serverRequests.delete(Reflect.get(ours, 'id'));
    if (ours) this.onmessage?.(ours, extra);
    return ours !== undefined;
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if ('method' in message) {
      this.trackServerRequest(message);
      const text = JSON.stringify(this.ids.toClient(message));
      const related = options?.relatedRequestId;
      const call = related === undefined ? undefined : this.callOf(related);
      await (call ? call.notify(text) : this.sendUnrelated(text));
    } else if (message.id === this.initializeId) {
      this.markReady();
    } else if (message.id !== undefined) {
      this.answer(message.id, message);
    }
  }

  close(): Promise<void> {
    this.onclose?.();
    return Promise.resolve();
  }

  /** A cancelled request gets no response. */
  private trackServerRequest(message: JSONRPCMessage): void {
    if (isRequest(message)) this.serverRequests.add(message.id);
    else if (isNotification(message) && message.method === 'notifications/cancelled') {
      this.serverRequests.delete(message.params?.['requestId']);
    }
  }

  private answer(id: RequestId, message: JSONRPCMessage): void {
    const call = this.asked.get(id);
    this.asked.delete(id);
    if ('error' in message) call?.operation?.failed(message.error.code);
    call?.answer(JSON.stringify({ ...message, id: call.id }));
  }

  /** A tool that our code runs may still send requests through the server. */
  private callOf(id: RequestId): Call | undefined {
    return this.asked.get(id) ?? this.live.callOf(id);
  }
}
