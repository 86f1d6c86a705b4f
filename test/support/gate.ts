import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Holds each request until its path is opened, for runs that go on when a test says so, wherever they take place. */
export class Gate implements AsyncDisposable {
  private readonly opened = new Set<string>();
  private readonly held = new Map<string, ServerResponse[]>();

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  /** @param address of this machine for those who ask, where it is not the loopback. */
  static async start(address = '127.0.0.1'): Promise<Gate> {
    const server = createServer().listen(0, address);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const gate = new Gate(server, `http://${address}:${port}`);
    server.on('request', ({ url = '' }, response) => gate.answer(url, response));
    return gate;
  }

  /** Answers what waits for this path, and what asks later. */
  open(path: string): void {
    this.opened.add(path);
    for (const response of this.held.get(path) ?? []) response.end();
    this.held.delete(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private answer(path: string, response: ServerResponse): void {
    if (this.opened.has(path)) response.end();
    else this.held.set(path, [...(this.held.get(path) ?? []), response]);
  }
}
