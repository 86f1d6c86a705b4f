import { CANCELLED, type EventPage, type EventReader, Signal, type StoredEvent } from './event-store.js';
import type { RedisConnection } from './redis-connection.js';
import { type LogHeader, logKeys } from './redis-event-log.js';

/** Polling interval without notifications. */
const LOOK_EVERY_MS = 3000;
/** A replica may have missed its liveness updates while Redis was away. */
const PATIENCE_MS = 6000;

/** A reader of a stream at this replica. */
export interface LocalReader {
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
export class RedisEventReader implements EventReader {
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
