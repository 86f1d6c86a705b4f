import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const PROBE_MS = 100;

/**
 * As a Service of Kubernetes: new connections go in turn to the replicas that are ready, and a connection stays at its
 * replica until one of the two ends closes it.
 */
export class ReadinessBalancer implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private readonly probe: NodeJS.Timeout;
  private replicas: { readonly origin: URL; isReady: boolean }[] = [];
  private turn = 0;

  private constructor() {
    this.server = createServer((client) => this.relay(client));
    this.probe = setInterval(() => void this.ask(), PROBE_MS);
  }

  static async start(): Promise<ReadinessBalancer> {
    const balancer = new ReadinessBalancer();
    balancer.server.listen(0, '127.0.0.1');
    await once(balancer.server, 'listening');
    return balancer;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** How many replicas get connections. */
  get readyCount(): number {
    return this.replicas.filter(({ isReady }) => isReady).length;
  }

  add(address: string): void {
    this.replicas.push({ origin: new URL(address), isReady: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.probe);
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private async ask(): Promise<void> {
    for (const replica of this.replicas) {
      const { ok } = await fetch(new URL('/health/ready', replica.origin)).catch(() => ({ ok: false }));
      replica.isReady = ok;
    }
  }

  private relay(client: Socket): void {
    const ready = this.replicas.filter(({ isReady }) => isReady);
    const { port, hostname } = ready[this.turn++ % ready.length]?.origin ?? new URL('http://127.0.0.1:1');
    const replica = connect(Number(port), hostname);
    for (const [socket, other] of [
      [client, replica],
      [replica, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.pipe(other);
      socket.once('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
