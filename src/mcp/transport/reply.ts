import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

import { EventStream } from './event-stream.js';

/** The HTTP response to one POST: plain JSON, or a stream of events from the first notification on. */
export class Reply {
  private stream: EventStream | undefined;
  private readonly answers: (string | Buffer)[] = [];
  private status = 200;

  constructor(
    private readonly response: ServerResponse,
    private readonly headers: OutgoingHttpHeaders = {},
    /** Answers still to come; more than one for a batch. */
    private awaited: number = 1,
  ) {}

  /** Calls back when the client is gone before the last answer was given. */
  onLost(listener: () => void): void {
    if (this.response.destroyed) {
      listener();
      return;
    }
    this.response.once('close', () => {
      if (!this.response.writableFinished) listener();
    });
  }

  /** Sends a message that is not an answer. */
  async notify(message: string): Promise<void> {
    if (!this.isOver) await this.openStream().send(message);
  }

  /** Makes it a stream now, so that it stays awake while nothing is said. */
  openStream(): EventStream {
    if (this.stream) return this.stream;
    this.stream = new EventStream(this.response, this.headers);
    for (const answer of this.answers.splice(0)) void this.stream.send(String(answer));
    return this.stream;
  }

  answer(message: string | Buffer, status = 200): void {
    if (this.isOver) return;
    this.status = status;
    this.awaited -= 1;
    if (this.stream) {
      void this.stream.send(String(message));
      if (this.awaited === 0) this.stream.end();
      return;
    }
    this.answers.push(message);
    if (this.awaited === 0) this.sendJson();
  }

  /** One of the answers will never come: whoever asked does not want it any more. */
  forgo(): void {
    if (this.isOver) return;
    this.awaited -= 1;
    if (this.awaited > 0) return;
    if (this.answers.length > 0) this.sendJson();
    else this.openStream().end();
  }

  private get isOver(): boolean {
    return this.response.writableEnded || this.response.destroyed;
  }

  private sendJson(): void {
    const [first = ''] = this.answers;
    const body = this.answers.length > 1 ? `[${this.answers.join(',')}]` : first;
    this.response.writeHead(this.status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      ...this.headers,
    });
    this.response.end(body);
  }
}
