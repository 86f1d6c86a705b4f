const LEAST_ROOM = 4096;
const NOTHING = Buffer.alloc(0);

/**
 * Puts the pieces of a body together as they come: a piece that is kept costs far more than its bytes, and a sender
 * chooses how small its pieces are. The first is not copied, since nearly every body has just one.
 */
export class GatheredBytes {
  private room: Buffer = NOTHING;
  private size = 0;

  /** @param most bytes that will come, at the most. */
  constructor(private readonly most: number) {}

  /** Bytes of memory that this takes. */
  get cost(): number {
    return this.room.length;
  }

  add(piece: Buffer): void {
    if (this.size === 0) this.room = piece;
    else this.append(piece);
    this.size += piece.length;
  }

  whole(): Buffer {
    return this.room.subarray(0, this.size);
  }

  forget(): void {
    this.room = NOTHING;
    this.size = 0;
  }

  private append(piece: Buffer): void {
    const needed = this.size + piece.length;
    if (needed > this.room.length) {
      const roomy = Math.min(Math.max(2 * needed, LEAST_ROOM), this.most);
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, roomy));
      this.room.copy(larger, 0, 0, this.size);
      this.room = larger;
    }
    piece.copy(this.room, this.size);
  }
}
