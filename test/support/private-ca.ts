import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { promisify } from 'node:util';

/** A certificate authority that only those know who are given its certificate, and a certificate of it for 127.0.0.1. */
export class PrivateCa implements AsyncDisposable {
  private constructor(private readonly folder: string) {}

  static async make(): Promise<PrivateCa> {
    const ca = new PrivateCa(await mkdtemp(join(tmpdir(), 'cyberun-ca-')));
    await ca.sign(['-subj', '/CN=Tests', '-keyout', 'ca-key.pem', '-out', 'ca.pem']);
    const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const signer = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem'];
    await ca.sign([
      ...name,
      ...signer,
      '-addext',
      'basicConstraints=CA:false',
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
    ]);
    return ca;
  }

  /** For NODE_EXTRA_CA_CERTS. */
  get certificate(): string {
    return join(this.folder, 'ca.pem');
  }

  /** What a server shows that has a certificate of this authority. */
  async identity(): Promise<{ key: Buffer; cert: Buffer }> {
    const [key, cert] = await Promise.all(
      ['key.pem', 'cert.pem'].map((file) => readFile(join(this.folder, file))),
    );
    if (!key || !cert) throw new Error('unreachable');
    return { key, cert };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true });
  }

  private async sign(options: string[]): Promise<void> {
    const usual = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
    await promisify(execFile)('openssl', [...usual, ...options], { cwd: this.folder });
  }
}

/** Ends TLS in front of a server, as a proxy of an operator does. */
export class TlsProxy implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {}

  /** @param target port of the server behind it. */
  static async start(ca: PrivateCa, target: number): Promise<TlsProxy> {
    const server = createServer(await ca.identity());
    const proxy = new TlsProxy(server, target);
    server.on('secureConnection', (socket) => proxy.relay(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get origin(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private relay(client: Socket): void {
    const server = connect(this.target, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
