import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Silence after which a comment is sent, so that nothing between us and the client gives up. */
const HEARTBEAT_MS = 15_000;

const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const;

/** A response that is a stream of server-sent events, kept awake by comments. */
export class EventStream {
  private readonly heartbeat: NodeJS.Timeout;

  constructor(
    private readonly response: ServerResponse,
    headers: OutgoingHttpHeaders,
  ) {
    response.writeHead(200, { ...HEADERS, ...headers });
    response.flushHeaders();
    this.heartbeat = setTimeout(() => void this.write(': keepalive\n\n'), HEARTBEAT_MS).unref();
    response.once('close', () => clearTimeout(this.heartbeat));
  }

  /** Sends a JSON-RPC message; the promise holds back a sender who is faster than the client. */
  send(message: string): Promise<void> {
    return this.write(`event: message\ndata: ${message}\n\n`);
  }

  end(): void {
    clearTimeout(this.heartbeat);
    this.response.end();
  }

  private async write(frame: string): Promise<void> {
    const { response } = this;
    if (response.writableEnded || response.destroyed) return;
    this.heartbeat.refresh();
    if (response.write(frame)) return;
    const waiting = new AbortController();
    const { signal } = waiting;
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(
      () => waiting.abort(),
    );
  }
}
