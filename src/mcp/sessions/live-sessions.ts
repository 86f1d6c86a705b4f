import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { JSONRPCMessage, LoggingLevel } from '@modelcontextprotocol/server';

import { CONFIG, type Config } from '../../config/index.js';
import { isNotification } from '../protocol/index.js';
import { ReplicaChannel, type SessionRecord, SessionStore } from '../storage/index.js';
import { SdkServers } from '../tools/index.js';
import { LiveSession } from './live-session.js';
import { sessionNotFound } from './session-messages.js';
import { SessionTransport } from './session-transport.js';

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
export class EndedSessions {
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
