import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

import { EVENT_STREAM_HEADERS } from '../../http/index.js';

/** Idle time after which a comment is sent, so that proxies keep the connection open. */
const HEARTBEAT_MS = 15_000;

/** Reconnection time for a client that loses the stream. */
const RETRY_MS = 1000;

/** A response that is a stream of server-sent events, kept alive by comments. */
export class EventStream {
  private readonly heartbeat: NodeJS.Timeout;
  private drained: Promise<void> | undefined;

  /** @param firstEventId of an empty event, from which a client can resume before the first message. */
  constructor(
    private readonly response: ServerResponse,
    headers: OutgoingHttpHeaders,
    firstEventId?: string,
  ) {
    response.writeHead(200, { ...EVENT_STREAM_HEADERS, ...headers });
    if (firstEventId === undefined) response.flushHeaders();
    else response.write(`id: ${firstEventId}\nretry: ${RETRY_MS}\ndata: \n\n`);
    this.heartbeat = setTimeout(() => void this.write(': keepalive\n\n'), HEARTBEAT_MS).unref();
    response.once('close', () => clearTimeout(this.heartbeat));
  }

  get isOpen(): boolean {
    return !this.response.writableEnded && !this.response.destroyed;
  }

  /**
   * Sends a JSON-RPC message; the promise applies backpressure when the client reads slowly.
   *
   * @param eventId from which a client can resume.
   */
  send(message: string, eventId?: string): Promise<void> {
    const id = eventId === undefined ? '' : `id: ${eventId}\n`;
    return this.write(`event: message\n${id}data: ${message}\n\n`);
  }

  /** Sets the reconnection time for a client that loses the stream. */
  comeBackAfter(ms: number): void {
    void this.write(`retry: ${ms}\n\n`);
  }

  end(): void {
    clearTimeout(this.heartbeat);
    this.response.end();
  }

  private async write(frame: string): Promise<void> {
    const { response } = this;
    if (!this.isOpen) return;
    this.heartbeat.refresh();
    if (!response.write(frame)) await (this.drained ??= this.whenDrained());
  }

  /** Until the client has read what was sent, or has disconnected. */
  private async whenDrained(): Promise<void> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const { response } = this;
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
    waiting.abort();
    this.drained = undefined;
  }
}
