import { type OnApplicationShutdown } from '@nestjs/common';

import { type EventLog, type EventLogOptions, type EventReader, EventStore } from './event-store.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisEventLog } from './redis-event-log.js';
import { type LocalReader, RedisEventReader } from './redis-event-reader.js';
import type { RedisReplicaChannel } from './redis-replica-channel.js';
import type { SessionRecord } from './session-store.js';

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
