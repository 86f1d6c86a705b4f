import type { Dispatcher } from 'undici';

import { Exchange, type Headers, type Limits } from './exchange.js';
import { AnswerTooLarge } from './read-whole.js';

/** An answer that is of use only when it is all there. */
export class WholeAnswer extends Exchange {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private status = 0;
  private headers: Headers = {};

  constructor(
    limits: Limits,
    private readonly largest: number,
  ) {
    super(limits);
  }

  override onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size > this.largest) this.fail(new AnswerTooLarge(`more than ${this.largest} bytes`));
    else this.chunks.push(chunk);
  }

  override onResponseEnd(): void {
    this.finish();
    const { status, headers, chunks } = this;
    const [only] = chunks;
    this.succeed({ status, headers, data: chunks.length === 1 && only ? only : Buffer.concat(chunks) });
  }

  protected override began(status: number, headers: Headers): void {
    this.status = status;
    this.headers = headers;
  }

  protected override broke(): void {
    this.chunks.length = 0;
  }
}
