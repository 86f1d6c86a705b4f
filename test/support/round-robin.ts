import { once } from 'node:events';
import {
  createServer,
  request as send,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** A load balancer without any stickiness: every request goes to the next replica. */
export class RoundRobin implements AsyncDisposable {
  /** How many requests each replica has got. */
  readonly counts: number[];
  private turn = 0;

  private constructor(
    private readonly server: Server,
    private readonly endpoints: readonly string[],
  ) {
    this.counts = endpoints.map(() => 0);
  }

  static async start(endpoints: readonly string[]): Promise<RoundRobin> {
    const server = createServer();
    const balancer = new RoundRobin(server, endpoints);
    server.on('request', (request, response) => balancer.forward(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return balancer;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/api/v1/mcp`;
  }

  /** Breaks every connection of a client. */
  cut(): void {
    this.server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private forward(request: IncomingMessage, response: ServerResponse): void {
    const next = this.turn++ % this.endpoints.length;
    this.counts[next] = (this.counts[next] ?? 0) + 1;
    const { method, headers } = request;
    const onward = send(this.endpoints[next] ?? '', { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }
}
