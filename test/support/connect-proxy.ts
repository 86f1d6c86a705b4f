import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** A proxy as companies have one: it asks for a password, and alone knows where hosts are. */
export class ConnectProxy implements AsyncDisposable {
  /** What it was asked for, as in `CONNECT a.test:443` and `GET http://a.test/`. */
  readonly asked: string[] = [];
  private readonly sockets = new Set<Duplex>();

  private constructor(
    private readonly server: Server,
    private readonly password: string,
    /** Ports on this machine, by host. */
    private readonly ports: ReadonlyMap<string, number>,
  ) {
    server.on('connection', (socket) => this.sockets.add(socket));
    server.on('connect', ({ url = '', headers }, socket: Duplex) => {
      this.asked.push(`CONNECT ${url}`);
      this.tunnel(url, headers['proxy-authorization'], socket);
    });
    server.on('request', (incoming, outgoing) => {
      this.asked.push(`${incoming.method} ${incoming.url}`);
      if (!this.isKnown(incoming.headers['proxy-authorization'])) {
        outgoing.writeHead(407).end();
        return;
      }
      const { hostname, pathname, search } = new URL(incoming.url ?? '');
      const { method = 'GET', headers } = incoming;
      const target = { port: ports.get(hostname), method, headers, path: pathname + search };
      const forwarded = request(target, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.on('error', () => outgoing.destroy());
      incoming.pipe(forwarded);
    });
  }

  static async start(ports: ReadonlyMap<string, number>, password: string): Promise<ConnectProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ConnectProxy(server, password, ports);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private isKnown(authorization: string | undefined): boolean {
    return authorization === `Basic ${Buffer.from(`me:${this.password}`).toString('base64')}`;
  }

  private tunnel(url: string, authorization: string | undefined, socket: Duplex): void {
    const port = this.ports.get(url.split(':')[0] ?? '');
    const refusal = this.isKnown(authorization) ? port === undefined && '502 Bad Gateway' : '407 Password';
    if (refusal) {
      socket.end(`HTTP/1.1 ${refusal}\r\n\r\n`);
      return;
    }
    const target = connect({ host: '127.0.0.1', port: port ?? 0 });
    this.sockets.add(target);
    for (const side of [socket, target]) side.on('error', () => undefined);
    target.once('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(target).pipe(socket);
    });
    target.once('close', () => socket.destroy());
    socket.once('close', () => target.destroy());
  }
}
