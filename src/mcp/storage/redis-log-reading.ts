import { Bell } from './bell.js';
import type { RedisConnection } from './redis-connection.js';
import { type About, logKeys } from './redis-stream-log.js';
import { CANCELLED, type Entry, type Page, type Reading } from './stream-logs.js';

/** How often one looks who has not been told of more. */
const LOOK_EVERY_MS = 3000;
/** A replica may have been kept from saying that it lives, by a Redis that was away. */
const PATIENCE_MS = 6000;

/** Somebody who reads a stream, as others see it. */
export interface Reader {
  /** There is more. */
  ring(): void;
  /** The client reads on at another replica. */
  replace(): void;
}

interface Read {
  readonly tag: string;
  readonly stream: string;
  readonly isAlive: (replica: string) => Promise<boolean>;
  /** Tells the replica that writes the stream that somebody is reading it. */
  readonly tellWriter: (isFirst: boolean) => Promise<void>;
  /** Enters a reader among those of the stream; returns the way out. */
  readonly enter: (reader: Reader) => () => void;
}

/** A stream being read from Redis, whichever replica writes it. */
export class RedisLogReading implements Reading {
  private readonly bell = new Bell();
  private readonly leave: () => void;
  private missingSince: number | undefined;
  private isFirst = true;
  private isReplaced = false;

  constructor(
    private readonly redis: RedisConnection,
    private readonly read: Read,
  ) {
    this.leave = read.enter({
      ring: () => this.bell.ring(),
      replace: () => {
        this.isReplaced = true;
        this.bell.ring();
      },
    });
  }

  async after(place: number): Promise<Page | undefined> {
    const [about, entries] = logKeys(this.read.tag, this.read.stream);
    // From that very place on, which may be the end.
    const [told, found] = await this.redis.run((redis) =>
      Promise.all([redis.get(about), redis.xrange(entries, `${place + 1}-0`, '+')]),
    );
    if (told === null || this.isReplaced) return undefined;
    const page = pageOf(found, place);
    if (page.isOver) return page;
    const { replica, lastWords, isCancelled } = JSON.parse(told) as About;
    if (isCancelled) return CANCELLED;
    await this.tellWriter();
    if (page.entries.length > 0) return page;
    if (!(await this.isDead(replica))) return page;
    return { entries: [{ place: place + 1, message: lastWords }], isOver: true };
  }

  async more(): Promise<void> {
    await this.bell.heard(LOOK_EVERY_MS);
  }

  stop(): void {
    this.bell.ring();
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  private async tellWriter(): Promise<void> {
    const { isFirst } = this;
    this.isFirst = false;
    await this.read.tellWriter(isFirst);
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

/** Entries of a Redis stream: an id, and names and values in turn. */
function pageOf(found: readonly (readonly [id: string, fields: readonly string[]])[], after: number): Page {
  const entries = found
    .map(([id, [, message = '']]): Entry => ({ place: Number.parseInt(id, 10) - 1, message }))
    .filter(({ place }) => place > after);
  return { entries, isOver: found.at(-1)?.[1][3] === '1' };
}
