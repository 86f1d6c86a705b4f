import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and a PostgreSQL server; it can change what the server answers, and stop answering. */
export class DatabaseProxy implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private isSilent = false;

  private constructor(
    private readonly target: URL,
    private readonly rewrite: (answer: string) => string,
  ) {
    this.server = createServer((client) => this.relay(client));
  }

  /** @param rewrite changes an answer, whose length must stay. */
  static async start(url: string, rewrite = (answer: string): string => answer): Promise<DatabaseProxy> {
    const proxy = new DatabaseProxy(new URL(url), rewrite);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  /** The URL of the same database through this proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** From now on it accepts connections and queries and answers nothing, as a server that is stopped. */
  fallSilent(): void {
    this.isSilent = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private relay(client: Socket): void {
    const upstream = connect(Number(this.target.port), this.target.hostname);
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.sockets.delete(socket));
    }
    client.on('data', (bytes) => upstream.write(bytes));
    client.once('close', () => upstream.destroy());
    upstream.on('data', (bytes) => {
      if (!this.isSilent) client.write(Buffer.from(this.rewrite(bytes.toString('latin1')), 'latin1'));
    });
    upstream.once('close', () => {
      if (!this.isSilent) client.destroy();
    });
  }
}
