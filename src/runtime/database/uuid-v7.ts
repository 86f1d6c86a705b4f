import { randomBytes } from 'node:crypto';

/** Generates UUIDs of version 7 that sort by creation, also within a millisecond. */
class UuidV7Source {
  private millisecond = 0;
  private counter = 0;

  next(): string {
    const now = Date.now();
    if (now > this.millisecond) {
      this.millisecond = now;
      this.counter = 0;
    } else if (++this.counter > 0xfff) {
      this.millisecond += 1;
      this.counter = 0;
    }
    const time = this.millisecond.toString(16).padStart(12, '0');
    const order = this.counter.toString(16).padStart(3, '0');
    const random = randomBytes(8);
    random.writeUInt8((random.readUInt8(0) & 0x3f) | 0x80, 0);
    const tail = random.toString('hex');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${order}-${tail.slice(0, 4)}-${tail.slice(4)}`;
  }
}

const source = new UuidV7Source();

/** A new id; the ids of one process sort by creation. */
export const uuidV7 = (): string => source.next();

/** The smallest id that this module could have made at a time. */
export function smallestIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
