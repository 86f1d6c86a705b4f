import { randomUUID } from 'node:crypto';

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
  isRequest,
  type NotificationMessage,
  type RequestMessage,
} from '../protocol/index.js';
import type { McpServer } from '../tools/index.js';
import type { LiveSession } from './live-session.js';
import { ServerRequestIds } from './server-request-ids.js';

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
    call?.answer(JSON.stringify({ ...message, id: call.id }));
  }

  /** A tool that our code runs may still send requests through the server. */
  private callOf(id: RequestId): Call | undefined {
    return this.asked.get(id) ?? this.live.callOf(id);
  }
}
