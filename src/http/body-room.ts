import { GatheredBytes } from './gathered-bytes.js';
import { parsedSize } from './parsed-size.js';

/** Bodies up to this size always have room, and take none once they are read; nearly all are far smaller. */
const LIGHT = 4096;

/** Whether a body needs no account of the room it takes once it is read. */
export const isLight = (json: Uint8Array): boolean => json.length <= LIGHT;

/** Gives the room of a body back that was read, however often it is called. */
export type Release = () => void;

/** Memory for request bodies: for all of them together, those that arrive and those that are parsed and in use. */
export class BodyRoom {
  /** Bytes of memory that bodies take which are arriving, or parsed and of some size. */
  private taken = 0;

  constructor(private readonly limit: number) {}

  /** Adds a piece to a body that arrives; returns whether there was room for it, which a small body always has. */
  add(piece: Buffer, gathered: GatheredBytes): boolean {
    this.taken -= gathered.cost;
    gathered.add(piece);
    this.taken += gathered.cost;
    return gathered.cost <= LIGHT || this.taken <= this.limit;
  }

  /** Takes the bytes of a body that arrived, or will not, out of the account. */
  forget(gathered: GatheredBytes): void {
    this.taken -= gathered.cost;
    gathered.forget();
  }

  /** Makes room for what parsing these bytes will take; `undefined` when there is none. Alone, any body has room. */
  hold(json: Uint8Array): Release | undefined {
    const memory = parsedSize(json);
    if (this.taken > 0 && this.taken + memory > this.limit) return undefined;
    this.taken += memory;
    let isHeld = true;
    return () => {
      if (isHeld) this.taken -= memory;
      isHeld = false;
    };
  }
}
