import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { SdkServers } from '../transport/sdk-servers.js';
import { LiveSession } from './live-session.js';
import { SessionLink } from './session-link.js';
import { type SessionRecord, Sessions } from './sessions.js';

const RENEWALS_PER_IDLE_TIME = 3;

/** Sessions in which something is going on in this process. */
@Injectable()
export class LiveSessions implements OnApplicationShutdown {
  private readonly live = new Map<string, LiveSession>();
  private readonly renewal: NodeJS.Timeout;

  constructor(
    private readonly sessions: Sessions,
    private readonly servers: SdkServers,
    @Inject(CONFIG) { mcpSessionIdleSeconds }: Config,
  ) {
    sessions.onEnded((id) => this.ended(id));
    const period = (mcpSessionIdleSeconds * 1000) / RENEWALS_PER_IDLE_TIME;
    this.renewal = setInterval(() => this.renew(), period).unref();
  }

  of(record: SessionRecord): LiveSession {
    const found = this.live.get(record.id);
    if (found) return found;
    const made = new LiveSession(record);
    this.live.set(record.id, made);
    return made;
  }

  /** The session's SDK server, made on first need. */
  linkOf(session: LiveSession): SessionLink {
    return (session.link ??= new SessionLink(this.servers.create(), session));
  }

  /** Forgets a session in which nothing is going on any more. */
  settle(session: LiveSession): void {
    if (session.isQuiet) this.live.delete(session.record.id);
  }

  /** Sends a notification to every session that listens. */
  broadcast(message: string): void {
    for (const { stream } of this.live.values()) void stream?.send(message);
  }

  /** What we announce has changed, so SDK servers are made anew; those in use finish what they have begun. */
  forgetServers(): void {
    for (const session of this.live.values()) {
      session.link = undefined;
      this.settle(session);
    }
  }

  onApplicationShutdown(): void {
    clearInterval(this.renewal);
  }

  private ended(id: string): void {
    const session = this.live.get(id);
    this.live.delete(id);
    session?.end('the session has ended');
  }

  private renew(): void {
    for (const [id, { calls }] of this.live) if (calls.size > 0) void this.sessions.renew(id);
  }
}
