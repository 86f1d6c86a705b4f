import { type ClientHttp2Stream, constants } from 'node:http2';
import { Duplex } from 'node:stream';

type Written = (error?: Error | null) => void;

/**
 * A stream of HTTP/2 as the socket of Node's HTTP client. The client writes strings, and empty ones; of an empty piece
 * behind others Node's http2 frees the memory before it is sent, and sends whatever is there by then. So pieces are
 * joined, and an empty one goes no further.
 */
export class StreamSocket extends Duplex {
  constructor(private readonly stream: ClientHttp2Stream) {
    super();
    stream.on('data', (chunk) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.once('end', () => this.push(null));
    stream.on('error', (error: Error) => this.destroy(error));
    stream.once('close', () => {
      // Closed in order, what has come is still to be read.
      const isOrderly = stream.rstCode === constants.NGHTTP2_NO_ERROR && stream.readableEnded;
      if (!isOrderly) this.destroy(new Error('the connection was cut'));
    });
  }

  override _read(): void {
    this.stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: Written): void {
    if (chunk.length === 0) written();
    else this.stream.write(chunk, written);
  }

  override _writev(pieces: { readonly chunk: Buffer }[], written: Written): void {
    this._write(Buffer.concat(pieces.map(({ chunk }) => chunk)), 'utf8', written);
  }

  override _final(written: Written): void {
    this.stream.end(() => written());
  }

  override _destroy(error: Error | null, destroyed: Written): void {
    this.stream.destroy(error ?? undefined);
    destroyed(error);
  }
}
