import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What came back, as far as it is one response. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: unknown;
}

/** A connection on which a test says what no HTTP client would. */
export class Wire implements Disposable {
  private text = '';
  /** Resolves once the connection is closed. */
  readonly ended: Promise<unknown>;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')));
    // A reset is an end too.
    socket.on('error', () => undefined);
    this.ended = once(socket, 'close').catch(() => undefined);
  }

  static async to(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new Wire(socket);
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && !this.socket.readableEnded;
  }

  /** Everything that has come so far. */
  get received(): string {
    return this.text;
  }

  say(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** Sends text; resolves once the other side has taken it in, or will never do so. */
  async sent(text: string): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(text, () => resolve()));
  }

  /** Takes nothing more in. */
  stopReading(): this {
    this.socket.pause();
    return this;
  }

  read(): void {
    this.socket.resume();
  }

  /** The answer, once the server has closed the connection behind it. */
  async lastAnswer(): Promise<WireAnswer> {
    await this.ended;
    const [head = '', ...body] = this.text.split('\r\n\r\n');
    const [first = '', ...lines] = head.split('\r\n');
    const headers = new Headers(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      }),
    );
    const text = body.join('\r\n\r\n');
    return { status: Number(first.split(' ')[1]), headers, json: text === '' ? undefined : JSON.parse(text) };
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** The first lines of a request, ready for more headers. */
export const head = (method: string, path: string, headers: Record<string, string> = {}): string =>
  [
    `${method} ${path} HTTP/1.1`,
    'Host: localhost',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
  ].join('\r\n');
