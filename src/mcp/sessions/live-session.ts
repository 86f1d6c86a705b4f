import type { JSONRPCMessage } from '@modelcontextprotocol/server';

import { type Call, type EventStream, type Listed, Roster } from '../calls/index.js';
import type { NoticeMessage } from '../protocol/index.js';
import type { SessionRecord } from '../storage/index.js';
import type { SessionLink } from './session-link.js';

/** A call on the roster of its session; on that of the process it is itself. */
interface InProgress extends Listed {
  readonly call: Call;
}

/** What is going on in a session right now, in this process; nothing of it has to survive. */
export class LiveSession {
  readonly inProgress = new Roster<InProgress>();
  stream: EventStream | undefined;
  /** Streams of calls, here or in other replicas, that the client has come back to. */
  readonly resumed = new Map<string, EventStream>();
  link: SessionLink | undefined;
  /** Those before it that have not finished what they began. */
  private formerLinks: readonly SessionLink[] = [];
  private sentToAll: Set<string> | undefined;

  /** @param record as the latest request found it. */
  constructor(public record: SessionRecord) {}

  /** Nothing is: all that is left of the session is its record. */
  get isQuiet(): boolean {
    return !this.isInUse && this.links.length === 0;
  }

  /** The client waits for an answer, or listens. */
  get isInUse(): boolean {
    return this.inProgress.size > 0 || this.stream !== undefined || this.resumed.size > 0;
  }

  /** The call with this id; of two that share one, the later. */
  callOf(id: unknown): Call | undefined {
    return [...this.inProgress].findLast(({ call }) => call.id === id)?.call;
  }

  /** Has the next request served by a new SDK server; one that is in use finishes what it has begun. */
  renewLink(): void {
    this.formerLinks = this.links.filter(({ isBusy }) => isBusy);
    this.link = undefined;
  }

  /** Lets go of SDK servers that have been replaced and have finished. */
  forgetFormerLinks(): void {
    if (this.formerLinks.length > 0) this.formerLinks = this.formerLinks.filter(({ isBusy }) => isBusy);
  }

  /** Hands a message of the client to its SDK servers; returns whether one of them had asked for it. */
  deliver(message: JSONRPCMessage): boolean {
    return this.links.filter((link) => link.deliver(message)).length > 0;
  }

  /** Cancels a call, and tells the SDK server that works on it. */
  cancel(call: Call, reason: string, notice: NoticeMessage): void {
    call.cancel(reason);
    for (const link of this.links) link.cancel(call, notice);
  }

  /** What was sent to all sessions since its stream was opened, each message once. */
  get broadcasts(): Iterable<string> {
    return this.sentToAll ?? [];
  }

  /** Sends what is meant for all sessions, if the client listens. */
  broadcast(message: string): void {
    if (!this.stream) return;
    (this.sentToAll ??= new Set()).add(message);
    void this.stream.send(message);
  }

  forgetStream(): void {
    this.stream = undefined;
    this.sentToAll = undefined;
  }

  private get links(): readonly SessionLink[] {
    return this.link ? [this.link, ...this.formerLinks] : this.formerLinks;
  }

  /** Ends everything at once. */
  end(reason: string): void {
    for (const { call } of this.inProgress) call.cancel(reason);
    this.stream?.end();
    for (const stream of this.resumed.values()) stream.end();
    for (const link of this.links) void link.close();
  }
}
