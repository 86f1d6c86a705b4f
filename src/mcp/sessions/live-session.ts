import type { JSONRPCMessage } from '@modelcontextprotocol/server';

import { type Call, type EventStream, type Indexed, IndexedSet } from '../calls/index.js';
import { isNotification, type NotificationMessage } from '../protocol/index.js';
import type { SessionRecord } from '../storage/index.js';
import type { SessionTransport } from './session-transport.js';

const LONGEST_REASON = 200;

/** A call in the set of its session; the set of the process holds the call itself. */
interface InProgress extends Indexed {
  readonly call: Call;
}

/** The transient state of a session in this process. */
export class LiveSession {
  readonly inProgress = new IndexedSet<InProgress>();
  stream: EventStream | undefined;
  /** Resumed streams of calls, of this or other replicas. */
  readonly resumed = new Map<string, EventStream>();
  transport: SessionTransport | undefined;
  /** Replaced ones that still have requests in progress. */
  private formerTransports: readonly SessionTransport[] = [];
  private sentToAll: Set<string> | undefined;

  /** @param record as of the latest request. */
  constructor(public record: SessionRecord) {}

  /** Only the stored record of the session is left. */
  get isIdle(): boolean {
    return !this.isInUse && this.transports.length === 0;
  }

  /** The client waits for a response or has a stream open. */
  get isInUse(): boolean {
    return this.inProgress.size > 0 || this.stream !== undefined || this.resumed.size > 0;
  }

  /** The call with this id; the later one if two share it. */
  callOf(id: unknown): Call | undefined {
    return [...this.inProgress].findLast(({ call }) => call.id === id)?.call;
  }

  /** Uses a new SDK server from the next request on; the current one finishes its requests. */
  renewTransport(): void {
    this.formerTransports = this.transports.filter(({ isBusy }) => isBusy);
    this.transport = undefined;
  }

  /** Drops replaced SDK servers that have finished. */
  forgetFormerTransports(): void {
    if (this.formerTransports.length > 0)
      this.formerTransports = this.formerTransports.filter(({ isBusy }) => isBusy);
  }

  /**
   * Takes a notification of the client, or its answer to a request of the server.
   *
   * @returns whether it concerns this process alone.
   */
  receive(message: JSONRPCMessage): boolean {
    if (!isNotification(message)) return this.deliver(message);
    if (message.method === 'notifications/cancelled') return this.cancel(message);
    this.deliver(message);
    return false;
  }

  /** Broadcast messages since its stream was opened, each once. */
  get broadcasts(): Iterable<string> {
    return this.sentToAll ?? [];
  }

  /** Sends a broadcast message, if the client has a stream open. */
  broadcast(message: string): void {
    if (!this.stream) return;
    (this.sentToAll ??= new Set()).add(message);
    void this.stream.send(message);
  }

  forgetStream(): void {
    this.stream = undefined;
    this.sentToAll = undefined;
  }

  /** Hands a message of the client to its SDK servers; returns whether one of them asked for it. */
  private deliver(message: JSONRPCMessage): boolean {
    return this.transports.filter((transport) => transport.deliver(message)).length > 0;
  }

  /** Cancels a call, also in the SDK server that works on it; returns whether the call is here. */
  private cancel(notification: NotificationMessage): boolean {
    const { requestId, reason } = notification.params ?? {};
    const call = this.callOf(requestId);
    if (!call) return false;
    const why = typeof reason === 'string' ? `: ${oneLine(reason)}` : '';
    call.cancel(`cancelled by the client${why}`);
    for (const transport of this.transports) transport.cancel(call, notification);
    return true;
  }

  private get transports(): readonly SessionTransport[] {
    return this.transport ? [this.transport, ...this.formerTransports] : this.formerTransports;
  }

  /** Ends everything at once. */
  end(reason: string): void {
    for (const { call } of this.inProgress) call.cancel(reason);
    this.stream?.end();
    for (const stream of this.resumed.values()) stream.end();
    for (const transport of this.transports) void transport.close();
  }
}

/** A client's text, shortened and without control characters, for the log. */
const oneLine = (text: string): string => text.slice(0, LONGEST_REASON).replaceAll(/\p{Cc}+/gu, ' ');
