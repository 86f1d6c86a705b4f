import { type OnApplicationShutdown } from '@nestjs/common';

import type { SessionRecord } from '../legacy/sessions.js';
import type { Beginning, Reading, StreamLog } from '../resume/stream-logs.js';
import { StreamLogs } from '../resume/stream-logs.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisLogReading } from './redis-log-reading.js';
import type { RedisReplicas } from './redis-replicas.js';
import { RedisStreamLog } from './redis-stream-log.js';

/** A replica that has not said so for this long is dead. */
const ALIVE_MS = 10_000;
const ALIVE_EVERY_MS = 3000;
const RENEWAL_MS = 20_000;

const aliveKey = (replica: string): string => `cyberun:mcp:replica:${replica}`;

/** Streams that a client can read on from any replica, whatever becomes of the one that writes. */
export class RedisStreamLogs extends StreamLogs implements OnApplicationShutdown {
  private readonly writing = new Map<string, RedisStreamLog>();
  private readonly readers = new Map<string, Set<() => void>>();
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
    replicas.onTold('reading', ({ stream }) => {
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
      onOver: () => this.writing.delete(log.stream),
    });
    this.writing.set(log.stream, log);
    return log;
  }

  read({ tag }: SessionRecord, stream: string): Reading {
    return new RedisLogReading(this.redis, {
      tag,
      stream,
      isAlive: (replica) => this.isAlive(replica),
      tellWriter: () => this.tellWriter(stream),
      watch: (ring) => this.watch(stream, ring),
    });
  }

  onApplicationShutdown(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private async tellWriter(stream: string): Promise<void> {
    const here = this.writing.get(stream);
    if (here) here.readHere();
    else await this.replicas.tell({ kind: 'reading', stream });
  }

  private watch(stream: string, ring: () => void): () => void {
    const rings = this.readers.get(stream) ?? new Set();
    this.readers.set(stream, rings.add(ring));
    return () => {
      rings.delete(ring);
      if (rings.size === 0) this.readers.delete(stream);
    };
  }

  private ring(stream: string): void {
    for (const ring of this.readers.get(stream) ?? []) ring();
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
