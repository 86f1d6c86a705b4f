import type { RequestId } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

/** A result that many responses share, as the bytes that are sent. */
export class EncodedResult {
  /** Includes the closing brace of the message. */
  private readonly rest: Buffer;

  constructor(result: object) {
    this.rest = Buffer.from(`${JSON.stringify(result)}}`);
  }

  /** The message that carries it. */
  answer(id: RequestId): EncodedMessage {
    return new EncodedMessage(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`, this.rest);
  }
}

/** A message whose larger part is shared between responses and never copied. */
export class EncodedMessage {
  constructor(
    private readonly head: string,
    private readonly rest: Buffer,
  ) {}

  get byteLength(): number {
    return Buffer.byteLength(this.head) + this.rest.length;
  }

  /** Sends it as the body of a response, in one write. */
  end(response: ServerResponse): void {
    response.cork();
    response.write(this.head);
    response.end(this.rest);
  }

  toString(): string {
    return `${this.head}${this.rest.toString()}`;
  }
}
