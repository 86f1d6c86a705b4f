import type { OnApplicationShutdown } from '@nestjs/common';

import {
  CANCELLED,
  type EventLog,
  type EventLogOptions,
  type EventPage,
  type EventReader,
  EventStore,
  Signal,
  type StoredEvent,
} from './event-store.js';
import type { RedisConnection } from './redis-connection.js';
import { type LogHeader, logKeys, RedisEventLog } from './redis-event-log.js';
import type { RedisReplicaChannel } from './redis-replica-channel.js';
import type { SessionRecord } from './session-store.js';

/** Polling interval without notifications. */
const LOOK_EVERY_MS = 3000;
/** A replica may have missed its liveness updates while Redis was away. */
const PATIENCE_MS = 6000;

/** A reader of a stream at this replica. */
interface LocalReader {
  /** There are new events. */
  notify(): void;
  /** The client resumed at another replica. */
  replace(): void;
}

interface ReadOptions {
  readonly sessionHash: string;
  readonly stream: string;
  readonly isAlive: (replica: string) => Promise<boolean>;
  /** Notifies the replica that writes the stream of its reader. */
  readonly notifyWriter: (isFirst: boolean) => Promise<void>;
  /** Registers a reader of the stream; returns a function that removes it. */
  readonly enter: (reader: LocalReader) => () => void;
}

/** Reads a stream from Redis, written by any replica. */
class RedisEventReader implements EventReader {
  private readonly signal = new Signal();
  private readonly leave: () => void;
  private missingSince: number | undefined;
  private isFirst = true;
  private isReplaced = false;

  constructor(
    private readonly redis: RedisConnection,
    private readonly read: ReadOptions,
  ) {
    this.leave = read.enter({
      notify: () => this.signal.notify(),
      replace: () => {
        this.isReplaced = true;
        this.signal.notify();
      },
    });
  }

  async after(sequence: number): Promise<EventPage | undefined> {
    const [about, entries] = logKeys(this.read.sessionHash, this.read.stream);
    // Includes the position itself, which may be the last one.
    const [told, found] = await this.redis.run((redis) =>
      Promise.all([redis.get(about), redis.xrange(entries, `${sequence + 1}-0`, '+')]),
    );
    if (told === null || this.isReplaced) return undefined;
    const page = pageOf(found, sequence);
    if (page.isOver) return page;
    const { replica, crashReply, isCancelled } = JSON.parse(told) as LogHeader;
    if (isCancelled) return CANCELLED;
    await this.notifyWriter();
    if (page.entries.length > 0) return page;
    if (!(await this.isDead(replica))) return page;
    return { entries: [{ sequence: sequence + 1, message: crashReply }], isOver: true };
  }

  async more(): Promise<void> {
    await this.signal.wait(LOOK_EVERY_MS);
  }

  stop(): void {
    this.signal.notify();
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  private async notifyWriter(): Promise<void> {
    const { isFirst } = this;
    this.isFirst = false;
    await this.read.notifyWriter(isFirst);
  }

  private async isDead(replica: string): Promise<boolean> {
    if (await this.read.isAlive(replica)) {
      this.missingSince = undefined;
      return false;
    }
    this.missingSince ??= Date.now();
    return Date.now() - this.missingSince >= PATIENCE_MS;
  }
}

/** Entries of a Redis stream: an id, and alternating names and values. */
function pageOf(
  found: readonly (readonly [id: string, fields: readonly string[]])[],
  after: number,
): EventPage {
  const entries = found
    .map(([id, [, message = '']]): StoredEvent => ({ sequence: Number.parseInt(id, 10) - 1, message }))
    .filter(({ sequence }) => sequence > after);
  return { entries, isOver: found.at(-1)?.[1][3] === '1' };
}

/** A replica without a liveness update for this long is dead. */
const ALIVE_MS = 10_000;
const ALIVE_EVERY_MS = 3000;
const RENEWAL_MS = 20_000;
/** Unsent characters of all streams together. */
const MAX_UNWRITTEN = 64 * 1_048_576;

const aliveKey = (replica: string): string => `cyberun:mcp:replica:${replica}`;

/** Event logs in Redis, which clients can resume at any replica, even after the writer has died. */
export class RedisEventStore extends EventStore implements OnApplicationShutdown {
  private readonly writing = new Map<string, RedisEventLog>();
  private readonly readers = new Map<string, Set<LocalReader>>();
  private unsent = 0;
  private readonly timers: readonly NodeJS.Timeout[];

  constructor(
    private readonly redis: RedisConnection,
    private readonly replicas: RedisReplicaChannel,
  ) {
    super();
    this.timers = [
      setInterval(() => this.announceAlive(), ALIVE_EVERY_MS).unref(),
      setInterval(() => this.renew(), RENEWAL_MS).unref(),
    ];
    replicas.onMessage('reading', ({ stream, isFirst }) => {
      if (isFirst) for (const reader of this.readersOf(stream)) reader.replace();
      // Events may have been written before the reader was known.
      if (this.writing.get(stream)?.onRemoteRead()) this.notifyReaders(stream);
    });
    replicas.onMessage('written', ({ stream }) => this.notify(stream));
  }

  begin({ sessionHash }: SessionRecord, beginning: EventLogOptions): EventLog {
    const log = new RedisEventLog(this.redis, {
      ...beginning,
      sessionHash,
      replica: this.replicas.name,
      onWritten: (isReadRemotely) => {
        this.notify(log.stream);
        if (isReadRemotely) this.notifyReaders(log.stream);
      },
      onOver: (stream) => this.writing.delete(stream),
      hasRoom: (more) => (this.unsent += more) <= MAX_UNWRITTEN,
    });
    this.writing.set(log.stream, log);
    return log;
  }

  read({ sessionHash }: SessionRecord, stream: string): EventReader {
    return new RedisEventReader(this.redis, {
      sessionHash,
      stream,
      isAlive: (replica) => this.isAlive(replica),
      notifyWriter: (isFirst) => this.notifyWriter(stream, isFirst),
      enter: (reader) => this.enter(stream, reader),
    });
  }

  onApplicationShutdown(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private async notifyWriter(stream: string, isFirst: boolean): Promise<void> {
    const here = this.writing.get(stream);
    here?.onLocalRead();
    if (!here || isFirst) await this.replicas.publish({ kind: 'reading', stream, isFirst });
  }

  private enter(stream: string, reader: LocalReader): () => void {
    const readers = this.readersOf(stream);
    this.readers.set(stream, readers.add(reader));
    return () => {
      readers.delete(reader);
      if (readers.size === 0) this.readers.delete(stream);
    };
  }

  private readersOf(stream: string): Set<LocalReader> {
    return this.readers.get(stream) ?? new Set();
  }

  private notify(stream: string): void {
    for (const reader of this.readersOf(stream)) reader.notify();
  }

  /** Readers that miss it poll after a while. */
  private notifyReaders(stream: string): void {
    this.replicas.publish({ kind: 'written', stream }).catch(() => undefined);
  }

  private async isAlive(replica: string): Promise<boolean> {
    if (replica === this.replicas.name) return true;
    return (await this.redis.run((redis) => redis.exists(aliveKey(replica)))) === 1;
  }

  private announceAlive(): void {
    const key = aliveKey(this.replicas.name);
    this.redis.run((redis) => redis.set(key, '1', 'PX', ALIVE_MS)).catch(() => undefined);
  }

  private renew(): void {
    for (const log of this.writing.values()) log.renew();
  }
}
