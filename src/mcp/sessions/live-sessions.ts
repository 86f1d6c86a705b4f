import type { JSONRPCMessage, LoggingLevel } from '@modelcontextprotocol/server';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { type Call, type EventStream, type Indexed, IndexedSet } from '../calls/index.js';
import { CODE, isNotification, JsonRpcHttpError, type NotificationMessage } from '../protocol/index.js';
import { ReplicaChannel, type SessionRecord, SessionStore } from '../storage/index.js';
import { SdkServers } from '../tools/index.js';
import { SessionTransport } from './session-transport.js';

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

/** The header with the id of a session. */
export const SESSION_ID = 'mcp-session-id';

const RENEWALS_PER_IDLE_TIME = 3;

/** Sessions with activity in this process, by their hashes. */
@Injectable()
export class LiveSessions implements OnApplicationShutdown {
  private readonly live = new Map<string, LiveSession>();
  private readonly endedSessions = new EndedSessions();
  private readonly maxRequests: number;
  private readonly renewal: NodeJS.Timeout;

  constructor(
    private readonly sessions: SessionStore,
    private readonly servers: SdkServers,
    private readonly replicas: ReplicaChannel,
    @Inject(CONFIG) { mcpSessionIdleSeconds, limits }: Config,
  ) {
    this.maxRequests = limits.requestsPerSession;
    sessions.onEnded((sessionHash) => this.ended(sessionHash));
    replicas.onMessage(
      'to-client',
      ({ sessionHash, text }) => void this.live.get(sessionHash)?.stream?.send(text),
    );
    replicas.onMessage('from-client', ({ sessionHash, message }) => {
      this.live.get(sessionHash)?.receive(message);
    });
    const period = (mcpSessionIdleSeconds * 1000) / RENEWALS_PER_IDLE_TIME;
    this.renewal = setInterval(() => this.renew(), period).unref();
  }

  find(sessionHash: string): LiveSession | undefined {
    return this.live.get(sessionHash);
  }

  /** @throws {JsonRpcHttpError} 404 when the session has ended meanwhile. */
  of(record: SessionRecord): LiveSession {
    const found = this.live.get(record.sessionHash);
    if (found) {
      found.record = record;
      return found;
    }
    if (this.endedSessions.has(record.sessionHash)) throw sessionNotFound();
    const made = new LiveSession(record);
    this.live.set(record.sessionHash, made);
    return made;
  }

  /**
   * Takes a message of the client that is no request; what it concerns may be in progress at another replica.
   *
   * @throws {JsonRpcHttpError} 503 when it concerns nothing here and the other replicas cannot be reached.
   */
  async receive(session: LiveSession, message: JSONRPCMessage): Promise<void> {
    const isDone = session.receive(message);
    if (isDone || (isNotification(message) && message.method === 'notifications/initialized')) return;
    await this.replicas.publish({ kind: 'from-client', sessionHash: session.record.sessionHash, message });
  }

  /** Whether this many more requests are within its limit. */
  hasCapacity({ inProgress }: LiveSession, count: number): boolean {
    return inProgress.size + count <= this.maxRequests;
  }

  /** The session's SDK server, created on first use, with the state that the client has set at any replica. */
  transportOf(session: LiveSession): SessionTransport {
    const transport = (session.transport ??= new SessionTransport(this.servers.create(), session, (text) =>
      this.sendUnrelated(session, text),
    ));
    transport.syncLogLevel();
    return transport;
  }

  /** Stores the log level of the client, for every replica. */
  async setLogLevel(session: LiveSession, logLevel: LoggingLevel): Promise<void> {
    await this.sessions.setLogLevel(session.record, logLevel);
    session.record = { ...session.record, logLevel };
  }

  /** Drops a session without activity. */
  forgetIfIdle(session: LiveSession): void {
    session.forgetFormerTransports();
    if (session.isIdle) this.live.delete(session.record.sessionHash);
  }

  /** Sends a notification to every session with an open stream. */
  broadcast(message: string): void {
    for (const session of this.live.values()) session.broadcast(message);
  }

  /** The capabilities have changed, so new SDK servers are created; those in use finish their requests. */
  forgetServers(): void {
    for (const session of this.live.values()) {
      session.renewTransport();
      this.forgetIfIdle(session);
    }
  }

  onApplicationShutdown(): void {
    clearInterval(this.renewal);
    this.endedSessions.end();
  }

  /** Sends a message unrelated to a request; a client without a stream does not receive it. */
  private async sendUnrelated({ stream, record: { sessionHash } }: LiveSession, text: string): Promise<void> {
    // Dropped, as for a client without a stream: the sender cannot act on the error.
    await (stream?.send(text) ??
      this.replicas.publish({ kind: 'to-client', sessionHash, text }).catch(() => undefined));
  }

  private ended(sessionHash: string): void {
    this.endedSessions.add(sessionHash);
    const session = this.live.get(sessionHash);
    this.live.delete(sessionHash);
    session?.end('the session has ended');
  }

  private renew(): void {
    for (const session of this.live.values()) {
      const { record, isInUse } = session;
      const told = isInUse ? this.sessions.renew(record) : this.sessions.check(record);
      // The store is unreachable; the next period retries.
      told.catch(() => undefined);
    }
  }
}

/** Longer than any look-up of a session takes. */
const LOOKUP_MS = 10_000;

/** Hashes of sessions that ended recently, so that a request which found one before cannot revive it. */
class EndedSessions {
  private latest = new Set<string>();
  private earlier = new Set<string>();
  private readonly clock: NodeJS.Timeout;

  constructor() {
    this.clock = setInterval(() => this.forget(), LOOKUP_MS).unref();
  }

  add(sessionHash: string): void {
    this.latest.add(sessionHash);
  }

  has(sessionHash: string): boolean {
    return this.latest.has(sessionHash) || this.earlier.has(sessionHash);
  }

  end(): void {
    clearInterval(this.clock);
  }

  /** In two generations, since a timer per session would take more memory than its hash. */
  private forget(): void {
    this.earlier = this.latest;
    this.latest = new Set();
  }
}

export const sessionNotFound = (): JsonRpcHttpError =>
  new JsonRpcHttpError(404, CODE.sessionNotFound, 'Session not found');
