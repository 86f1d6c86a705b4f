import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and a server on this machine; it can lose what passes, as a network does that is cut. */
export class Relay implements AsyncDisposable {
  /** First line of each answer that was lost. */
  readonly lostAnswers: string[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private isCut = false;
  private unanswered: string | undefined;

  /** The server; set it before the first connection. */
  target = '';

  private constructor() {
    this.server = createServer((client) => this.relay(client));
  }

  static async start(): Promise<Relay> {
    const relay = new Relay();
    relay.server.listen(0, '127.0.0.1');
    await once(relay.server, 'listening');
    return relay;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** From now on it loses everything, and ends no connection. */
  cut(): void {
    this.isCut = true;
  }

  /** From now on it loses the answers on connections whose requests begin with this. */
  loseAnswersTo(request: string): void {
    this.unanswered = request;
  }

  /** Ends all connections; new ones are possible. */
  disconnect(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Passes everything again, on new connections. */
  mend(): void {
    this.isCut = false;
    this.unanswered = undefined;
    this.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect();
    this.server.close();
    await once(this.server, 'close');
  }

  private relay(client: Socket): void {
    const { port, hostname } = new URL(this.target);
    const upstream = connect(Number(port), hostname);
    let isAnswered = true;
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.sockets.delete(socket));
    }
    client.on('data', (bytes) => {
      if (this.unanswered !== undefined && bytes.toString('latin1').startsWith(this.unanswered))
        isAnswered = false;
      if (!this.isCut) upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!isAnswered) this.lostAnswers.push(bytes.toString('latin1').split('\r\n', 1)[0] ?? '');
      else if (!this.isCut) client.write(bytes);
    });
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => {
      if (isAnswered && !this.isCut) client.destroy();
    });
  }
}
