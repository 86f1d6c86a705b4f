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
 * Joins the SDK server of one session to our streams: what belongs to a request goes to that request's own response,
 * everything else to the session's standalone stream.
 */
export class SessionTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage, extra?: MessageExtraInfo) => void) | undefined;
  readonly sessionId: string;
  /** Settled once the server knows its client. */
  readonly ready: Promise<void>;
  private readonly ids = new ServerRequestIds();
  /** Requests of the client that the server is working on, by the ids it knows them under. */
  private readonly asked = new Map<RequestId, Call>();
  /** Ids of the questions the server waits for an answer to, as it knows them. */
  private readonly serverRequests = new Set<unknown>();
  /** Id of our own requests, which repeat what the client said elsewhere; none that a client would choose. */
  private readonly initializeId: RequestId = randomUUID();
  private logLevel: LoggingLevel | undefined;
  private markReady: () => void = () => undefined;

  constructor(
    readonly server: McpServer,
    private readonly live: LiveSession,
    /** Sends what belongs to no request. */
    private readonly sendUnrelated: (text: string) => Promise<void>,
  ) {
    this.sessionId = live.record.id;
    this.ready = new Promise((resolve) => (this.markReady = resolve));
    const params = JSON.parse(live.record.initializeParams) as InitializeRequest['params'];
    void server.connect(this);
    this.deliver({ jsonrpc: '2.0', id: this.initializeId, method: 'initialize', params });
  }

  /** The server works on a request of the client, or waits for its answer. */
  get isBusy(): boolean {
    return this.asked.size > 0 || this.serverRequests.size > 0;
  }

  /** Tells the server which messages the client wants, unless it has been told. */
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
   * Hands a request of the client to the server; under an id of our own when the client uses one for two requests at
   * once, which it must not do, and which the server would not survive: one of the two would never be answered.
   */
  ask(message: RequestMessage, call: Call, extra: MessageExtraInfo): void {
    const id = this.asked.has(message.id) ? randomUUID() : message.id;
    this.asked.set(id, call);
    this.onmessage?.({ ...message, id }, extra);
  }

  /** Tells the server that the client does not want an answer any more, which the server then does not give. */
  cancel(call: Call, notification: NotificationMessage): void {
    const id = [...this.asked].find(([, asked]) => asked === call)?.[0];
    if (id === undefined) return;
    this.asked.delete(id);
    this.onmessage?.({ ...notification, params: { ...notification.params, requestId: id } });
  }

  /** Hands a message of the client to the server, unless it answers a question of somebody else. */
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

  /** A question that is cancelled gets no answer. */
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

  /** A tool that runs without the server may ask its client something through it. */
  private callOf(id: RequestId): Call | undefined {
    return this.asked.get(id) ?? this.live.callOf(id);
  }
}
