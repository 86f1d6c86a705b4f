import type { ServerHttp2Stream } from 'node:http2';

import { joinToService } from './service-connection.js';

/** The connections to a service, by which one that is busy is told from one that hangs. */
export class ServiceTraffic {
  private open = 0;
  private heardAt = 0;

  /** Joins a stream of the tunnel to a new connection to the service. */
  join(stream: ServerHttp2Stream, port: number): void {
    if (this.open === 0) this.heard();
    this.open += 1;
    stream.once('close', () => {
      this.open -= 1;
    });
    joinToService(stream, port, () => this.heard());
  }

  /** Whether callers wait for it, and it has sent something within the limit or has not had the time to. */
  isBusy(limitMs: number): boolean {
    return this.open > 0 && performance.now() - this.heardAt < limitMs;
  }

  private heard(): void {
    this.heardAt = performance.now();
  }
}
