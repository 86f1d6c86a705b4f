import type { Dispatcher } from 'undici';

import type { AnswerRoom } from '../http/index.js';
import { Exchange, type Headers, type Limits } from './exchange.js';
import { AnswerTooLarge } from './read-whole.js';

/** Up to this size an answer needs no room; nearly all are smaller. */
const LIGHT = 16_384;
/** What is asked for while the size of an answer is not known. */
const UNKNOWN = 1_048_576;

/** What whole answers may take. */
export interface Sizes {
  /** Bytes of one. */
  readonly largest: number;
  /** For all of them. */
  readonly room: AnswerRoom;
}

/** An answer that is of use only when it is all there. */
export class WholeAnswer extends Exchange {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private status = 0;
  private headers: Headers = {};
  /** As many bytes it has room for, or asked for. */
  private roomy = LIGHT;
  private readonly guest = (): void => this.resume();

  constructor(
    limits: Limits,
    private readonly sizes: Sizes,
  ) {
    super(limits);
  }

  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { largest, room } = this.sizes;
    this.size += chunk.length;
    if (this.size > largest) {
      this.fail(new AnswerTooLarge(largest));
      return;
    }
    this.chunks.push(chunk);
    if (this.size <= this.roomy) return;
    this.roomy = Math.min(this.expected, largest);
    if (!room.ask(this.guest, this.roomy)) controller.pause();
  }

  override onResponseEnd(): void {
    this.finish();
    const { status, headers, chunks } = this;
    const [only] = chunks;
    this.succeed({ status, headers, data: chunks.length === 1 && only ? only : Buffer.concat(chunks) });
    chunks.length = 0;
    // What is made of it is made in one go.
    if (this.roomy > LIGHT) setImmediate(() => this.sizes.room.leave(this.guest));
  }

  protected override began(status: number, headers: Headers): void {
    this.status = status;
    this.headers = headers;
  }

  protected override broke(): void {
    this.chunks.length = 0;
    this.sizes.room.leave(this.guest);
  }

  private get expected(): number {
    const announced = Number(this.headers['content-length']);
    if (announced >= this.size) return announced;
    return this.size <= UNKNOWN ? UNKNOWN : Infinity;
  }
}
