import { setTimeout as delay } from 'node:timers/promises';

import type { Redis } from 'ioredis';

import {
  type EventLog,
  type EventLogOptions,
  KEEP_MS,
  newStreamName,
  RetentionWindow,
} from './event-store.js';
import type { RedisConnection } from './redis-connection.js';
import type { Scripts } from './redis-scripts.js';

/** A stream whose writer is silent for this long is deleted. */
const ORPHAN_MS = 90_000;
const RETRY_MS = 500;
/** A stream that could not be written for longer is dropped: its client no longer resumes it. */
const LONGEST_DELAY_MS = KEEP_MS;
/** How long a reader at another replica counts as active after its last notice. */
const READER_MS = 30_000;

export const logKeys = (sessionHash: string, stream: string): readonly [about: string, entries: string] => [
  `cyberun:mcp:{${sessionHash}}:log:${stream}:header`,
  `cyberun:mcp:{${sessionHash}}:log:${stream}`,
];

/** What a reader needs besides the events. */
export interface LogHeader {
  readonly replica: string;
  readonly crashReply: string;
  /** The client has cancelled the call. */
  readonly isCancelled?: true;
}

interface Writing extends EventLogOptions {
  readonly sessionHash: string;
  readonly replica: string;
  readonly onWritten: (isReadRemotely: boolean) => void;
  /** The log is complete or dropped. */
  readonly onOver: (stream: string) => void;
  /** Called with the change of unsent characters; returns whether the total is within its limit. */
  readonly hasRoom: (more: number) => boolean;
}

interface Unwritten {
  readonly sequence: number;
  readonly message: string;
  readonly isLast: boolean;
}

/**
 * One event log in Redis. Callers do not wait for writes. Failed entries are retried in order; Redis accepts an entry
 * only after the one before it, so that none is missing and none is stored twice.
 */
export class RedisEventLog implements EventLog {
  readonly stream = newStreamName();
  private readonly window = new RetentionWindow();
  private readonly keys: readonly [string, string];
  private readonly about: LogHeader;
  private unsent: Unwritten[] = [];
  private last = 0;
  private oldest = 0;
  private remoteReadUntil = 0;
  private isCatchingUp = false;
  private isDropped = false;

  constructor(
    private readonly redis: RedisConnection,
    private readonly writing: Writing,
  ) {
    const { sessionHash, replica, crashReply } = writing;
    this.keys = logKeys(sessionHash, this.stream);
    this.about = { replica, crashReply: crashReply() };
    this.add({ sequence: 0, message: JSON.stringify(this.about), isLast: false });
  }

  append(message: string): number {
    return this.appendEvent(message, false);
  }

  end(message: string): number {
    const sequence = this.appendEvent(message, true);
    this.writing.onOver(this.stream);
    return sequence;
  }

  cancel(): void {
    const [about, entries] = this.keys;
    const left: LogHeader = { ...this.about, isCancelled: true };
    this.stop((redis) =>
      Promise.all([redis.set(about, JSON.stringify(left), 'PX', KEEP_MS), redis.del(entries)]),
    );
  }

  drop(): void {
    this.stop((redis) => redis.del(...this.keys));
  }

  onLocalRead(): void {
    this.writing.onRead();
  }

  /** Returns whether this is a new reader. */
  onRemoteRead(): boolean {
    const isNew = this.remoteReadUntil < Date.now();
    this.remoteReadUntil = Date.now() + READER_MS;
    this.writing.onRead();
    return isNew;
  }

  /** Extends its expiry while the writer is alive and silent. */
  renew(): void {
    const renewal = this.redis.run((redis) =>
      Promise.all(this.keys.map((key) => redis.pexpire(key, ORPHAN_MS))),
    );
    renewal.catch(() => undefined);
  }

  private stop(remove: (redis: Redis & Scripts) => Promise<unknown>): void {
    if (this.isDropped) return;
    this.isDropped = true;
    this.written(() => true);
    this.writing.onOver(this.stream);
    void this.remove(remove);
  }

  private appendEvent(message: string, isLast: boolean): number {
    this.last += 1;
    if (this.isDropped) return this.last;
    this.oldest = this.window.admit(message);
    // Entries outside the retention window need not be written, except the first, which begins the stream.
    this.written(({ sequence }) => sequence > 0 && sequence < this.oldest);
    this.add({ sequence: this.last, message, isLast });
    return this.last;
  }

  private add(entry: Unwritten): void {
    this.unsent.push(entry);
    if (!this.writing.hasRoom(entry.message.length)) this.drop();
    else if (!this.isCatchingUp) void this.writeNow(entry);
  }

  private async writeNow(entry: Unwritten): Promise<void> {
    if (!(await this.write(entry))) await this.catchUp();
  }

  private async write(entry: Unwritten): Promise<boolean> {
    const { sequence, message, isLast } = entry;
    const oldest = Math.min(this.oldest, sequence);
    const keptMs = isLast ? KEEP_MS : ORPHAN_MS;
    const written = (redis: Scripts): Promise<string> =>
      redis.writeLog(...this.keys, sequence, message, isLast ? 1 : 0, oldest, keptMs);
    const outcome = await this.redis.run(written).catch(() => 'unknown');
    if (outcome === 'unknown' || outcome === 'early') return false;
    // Lost together with its session when Redis restarts without persistence.
    if (outcome === 'gone') this.drop();
    this.written((each) => each === entry);
    this.notifyReaders();
    return true;
  }

  /** Removes entries that need no write. */
  private written(isMeant: (entry: Unwritten) => boolean): void {
    const rest: Unwritten[] = [];
    for (const entry of this.unsent) {
      if (isMeant(entry)) this.writing.hasRoom(-entry.message.length);
      else rest.push(entry);
    }
    this.unsent = rest;
  }

  private notifyReaders(): void {
    this.writing.onWritten(this.remoteReadUntil > Date.now());
  }

  /** Retries until Redis is reachable; by then the keys may have expired. */
  private async remove(remove: (redis: Redis & Scripts) => Promise<unknown>): Promise<void> {
    const until = Date.now() + ORPHAN_MS;
    const removed = (): Promise<unknown> => this.redis.run(remove);
    while (!(await isDone(removed())) && Date.now() < until) await delay(RETRY_MS, undefined, { ref: false });
    this.notifyReaders();
  }

  /** Drops the log if entries are still missing after a while: a stream with a gap is worse than none. */
  private async catchUp(): Promise<void> {
    if (this.isCatchingUp) return;
    this.isCatchingUp = true;
    const until = Date.now() + LONGEST_DELAY_MS;
    while (this.unsent.length > 0 && Date.now() < until) {
      await delay(RETRY_MS, undefined, { ref: false });
      for (const entry of this.unsent) if (!(await this.write(entry))) break;
    }
    if (this.unsent.length > 0) this.drop();
    this.isCatchingUp = false;
  }
}

const isDone = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );
