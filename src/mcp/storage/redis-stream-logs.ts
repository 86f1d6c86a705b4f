import { type OnApplicationShutdown } from '@nestjs/common';

import type { RedisConnection } from './redis-connection.js';
import { type Reader, RedisLogReading } from './redis-log-reading.js';
import type { RedisReplicas } from './redis-replicas.js';
import { RedisStreamLog } from './redis-stream-log.js';
import type { SessionRecord } from './sessions.js';
import { type Beginning, type Reading, type StreamLog, StreamLogs } from './stream-logs.js';

/** A replica that has not said so for this long is dead. */
const ALIVE_MS = 10_000;
const ALIVE_EVERY_MS = 3000;
const RENEWAL_MS = 20_000;
/** Characters that wait to be written, of all streams together. */
const MAX_UNWRITTEN = 64 * 1_048_576;

const aliveKey = (replica: string): string => `cyberun:mcp:replica:${replica}`;

/** Streams that a client can read on from any replica, whatever becomes of the one that writes. */
export class RedisStreamLogs extends StreamLogs implements OnApplicationShutdown {
  private readonly writing = new Map<string, RedisStreamLog>();
  private readonly readers = new Map<string, Set<Reader>>();
  private unwritten = 0;
  private readonly timers: readonly NodeJS.Timeout[];

  constructor(
    private readonly redis: RedisConnection,
    private readonly replicas: RedisReplicas,
  ) {
    super();
    this.timers = [
      setInterval(() => this.sayAlive(), ALIVE_EVERY_MS).unref(),
      setInterval(() => this.renew(), RENEWAL_MS).unref(),
    ];
    replicas.onTold('reading', ({ stream, isFirst }) => {
      if (isFirst) for (const reader of this.readersOf(stream)) reader.replace();
      // Something may have been written before we knew that somebody reads.
      if (this.writing.get(stream)?.readElsewhere()) this.tellReaders(stream);
    });
    replicas.onTold('written', ({ stream }) => this.ring(stream));
  }

  begin({ tag }: SessionRecord, beginning: Beginning): StreamLog {
    const log = new RedisStreamLog(this.redis, {
      ...beginning,
      tag,
      replica: this.replicas.name,
      onWritten: (isReadElsewhere) => {
        this.ring(log.stream);
        if (isReadElsewhere) this.tellReaders(log.stream);
      },
      onOver: (stream) => this.writing.delete(stream),
      hasRoom: (more) => (this.unwritten += more) <= MAX_UNWRITTEN,
    });
    this.writing.set(log.stream, log);
    return log;
  }

  read({ tag }: SessionRecord, stream: string): Reading {
    return new RedisLogReading(this.redis, {
      tag,
      stream,
      isAlive: (replica) => this.isAlive(replica),
      tellWriter: (isFirst) => this.tellWriter(stream, isFirst),
      enter: (reader) => this.enter(stream, reader),
    });
  }

  onApplicationShutdown(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private async tellWriter(stream: string, isFirst: boolean): Promise<void> {
    const here = this.writing.get(stream);
    here?.readHere();
    if (!here || isFirst) await this.replicas.tell({ kind: 'reading', stream, isFirst });
  }

  private enter(stream: string, reader: Reader): () => void {
    const readers = this.readersOf(stream);
    this.readers.set(stream, readers.add(reader));
    return () => {
      readers.delete(reader);
      if (readers.size === 0) this.readers.delete(stream);
    };
  }

  private readersOf(stream: string): Set<Reader> {
    return this.readers.get(stream) ?? new Set();
  }

  private ring(stream: string): void {
    for (const reader of this.readersOf(stream)) reader.ring();
  }

  /** Whoever does not hear of it looks after a while. */
  private tellReaders(stream: string): void {
    this.replicas.tell({ kind: 'written', stream }).catch(() => undefined);
  }

  private async isAlive(replica: string): Promise<boolean> {
    if (replica === this.replicas.name) return true;
    return (await this.redis.run((redis) => redis.exists(aliveKey(replica)))) === 1;
  }

  private sayAlive(): void {
    const key = aliveKey(this.replicas.name);
    this.redis.run((redis) => redis.set(key, '1', 'PX', ALIVE_MS)).catch(() => undefined);
  }

  private renew(): void {
    for (const log of this.writing.values()) log.renew();
  }
}
