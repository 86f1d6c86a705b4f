import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { LoggingLevel } from '@modelcontextprotocol/server';

import { CONFIG, type Config } from '../../config/index.js';
import { Replicas, type SessionRecord, Sessions } from '../storage/index.js';
import { SdkServers } from '../tools/index.js';
import { Departed } from './departed.js';
import { sessionNotFound } from './legacy-messages.js';
import { LiveSession } from './live-session.js';
import { SessionLink } from './session-link.js';

const RENEWALS_PER_IDLE_TIME = 3;

/** Sessions in which something is going on in this process, by their tags. */
@Injectable()
export class LiveSessions implements OnApplicationShutdown {
  private readonly live = new Map<string, LiveSession>();
  private readonly departed = new Departed();
  private readonly maxRequests: number;
  private readonly renewal: NodeJS.Timeout;

  constructor(
    private readonly sessions: Sessions,
    private readonly servers: SdkServers,
    private readonly replicas: Replicas,
    @Inject(CONFIG) { mcpSessionIdleSeconds, limits }: Config,
  ) {
    this.maxRequests = limits.requestsPerSession;
    sessions.onEnded((tag) => this.ended(tag));
    replicas.onTold('to-client', ({ tag, text }) => void this.live.get(tag)?.stream?.send(text));
    const period = (mcpSessionIdleSeconds * 1000) / RENEWALS_PER_IDLE_TIME;
    this.renewal = setInterval(() => this.renew(), period).unref();
  }

  find(tag: string): LiveSession | undefined {
    return this.live.get(tag);
  }

  /** @throws {Refusal} 404 when the session has ended since it was found. */
  of(record: SessionRecord): LiveSession {
    const found = this.live.get(record.tag);
    if (found) {
      found.record = record;
      return found;
    }
    if (this.departed.has(record.tag)) throw sessionNotFound();
    const made = new LiveSession(record);
    this.live.set(record.tag, made);
    return made;
  }

  /** Whether so many more requests may be begun in it. */
  hasRoom({ inProgress }: LiveSession, count: number): boolean {
    return inProgress.size + count <= this.maxRequests;
  }

  /** The session's SDK server, made on first need; it knows what the client has told any replica. */
  linkOf(session: LiveSession): SessionLink {
    const link = (session.link ??= new SessionLink(this.servers.create(), session, (text) =>
      this.sendAside(session, text),
    ));
    link.keepInStep();
    return link;
  }

  /** Keeps what the client wants to be told, for every replica. */
  async setLogLevel(session: LiveSession, logLevel: LoggingLevel): Promise<void> {
    await this.sessions.setLogLevel(session.record, logLevel);
    session.record = { ...session.record, logLevel };
  }

  /** Forgets a session in which nothing is going on any more. */
  settle(session: LiveSession): void {
    session.forgetFormerLinks();
    if (session.isQuiet) this.live.delete(session.record.tag);
  }

  /** Sends a notification to every session that listens. */
  broadcast(message: string): void {
    for (const session of this.live.values()) session.broadcast(message);
  }

  /** What we announce has changed, so SDK servers are made anew; those in use finish what they have begun. */
  forgetServers(): void {
    for (const session of this.live.values()) {
      session.renewLink();
      this.settle(session);
    }
  }

  onApplicationShutdown(): void {
    clearInterval(this.renewal);
    this.departed.end();
  }

  /** Sends what belongs to no request; a client that listens nowhere does not get it. */
  private async sendAside({ stream, record: { tag } }: LiveSession, text: string): Promise<void> {
    // As for a client that does not listen: the one who sends cannot do anything about it.
    await (stream?.send(text) ?? this.replicas.tell({ kind: 'to-client', tag, text }).catch(() => undefined));
  }

  private ended(tag: string): void {
    this.departed.add(tag);
    const session = this.live.get(tag);
    this.live.delete(tag);
    session?.end('the session has ended');
  }

  private renew(): void {
    for (const session of this.live.values()) {
      const { record, isInUse } = session;
      const told = isInUse ? this.sessions.renew(record) : this.sessions.check(record);
      // Out of reach; the next time will do.
      told.catch(() => undefined);
    }
  }
}
