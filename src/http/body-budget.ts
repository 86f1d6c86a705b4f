/** Bodies up to this size are always admitted, and need no reservation once they are read; nearly all are far smaller. */
const SMALL = 4096;

/** Whether a body needs no reservation while its parsed value is in use. */
export const isSmallBody = (json: Uint8Array): boolean => json.length <= SMALL;

/** Ends a reservation; further calls have no effect. */
export type Release = () => void;

/** Memory for all request bodies together: those that arrive, and those that are parsed and in use. */
export class BodyBudget {
  private used = 0;

  /** @param limit in bytes. */
  constructor(private readonly limit: number) {}

  /** Adds a chunk to a body that arrives; returns whether it fits, which a small body always does. */
  append(chunk: Buffer, body: GrowingBuffer): boolean {
    this.used -= body.capacity;
    body.append(chunk);
    this.used += body.capacity;
    return body.capacity <= SMALL || this.used <= this.limit;
  }

  /** Discards a body that is read, or that will not be. */
  discard(body: GrowingBuffer): void {
    this.used -= body.capacity;
    body.clear();
  }

  /** Reserves what parsing this JSON will take; `undefined` when it does not fit. Any body fits while there is no other. */
  reserve(json: Uint8Array): Release | undefined {
    const memory = parsedSize(json);
    if (this.used > 0 && this.used + memory > this.limit) return undefined;
    this.used += memory;
    let isReserved = true;
    return () => {
      if (isReserved) this.used -= memory;
      isReserved = false;
    };
  }
}

const EMPTY = Buffer.alloc(0);

/**
 * Joins the chunks of a body as they arrive: a chunk that is kept costs far more than its bytes, and the sender chooses
 * how small its chunks are. The first is not copied, since nearly every body has just one.
 */
export class GrowingBuffer {
  private buffer: Buffer = EMPTY;
  private size = 0;

  /** @param limit of bytes that will arrive. */
  constructor(private readonly limit: number) {}

  get capacity(): number {
    return this.buffer.length;
  }

  append(chunk: Buffer): void {
    if (this.size === 0) this.buffer = chunk;
    else this.copy(chunk);
    this.size += chunk.length;
  }

  /** The bytes so far; valid until the next change. */
  bytes(): Buffer {
    return this.buffer.subarray(0, this.size);
  }

  clear(): void {
    this.buffer = EMPTY;
    this.size = 0;
  }

  private copy(chunk: Buffer): void {
    const needed = this.size + chunk.length;
    if (needed > this.buffer.length) {
      const capacity = Math.min(Math.max(2 * needed, SMALL), this.limit);
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, capacity));
      this.buffer.copy(larger, 0, 0, this.size);
      this.buffer = larger;
    }
    chunk.copy(this.buffer, this.size);
  }
}

/** Roughly what V8 takes for an object, an array or a value in one; measured on small ones, which add up. */
const BYTES_PER_VALUE = 40;
/** A text is there twice: as it arrived, and in the value. */
const COPIES = 2;

const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/**
 * Estimates the memory that JSON takes once it is parsed, which its length does not tell: a list of empty objects takes
 * twenty times its length. Commas and brackets within strings count too, since telling them apart would cost as much as
 * parsing.
 */
function parsedSize(json: Uint8Array): number {
  let values = 0;
  // By index: an iterator makes it ten times slower.
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === COMMA || byte === BRACKET || byte === BRACE) values += 1;
  }
  return COPIES * json.length + BYTES_PER_VALUE * values;
}
