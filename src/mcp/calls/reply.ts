import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { RequestId } from '@modelcontextprotocol/server';

import { EventStream } from './event-stream.js';

/** A result that many responses share, as the bytes that are sent. */
export class EncodedResult {
  /** Includes the closing brace of the message. */
  private readonly rest: Buffer;

  constructor(result: object) {
    this.rest = Buffer.from(`${JSON.stringify(result)}}`);
  }

  /** The message that carries it. */
  answer(id: RequestId): EncodedMessage {
    return new EncodedMessage(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`, this.rest);
  }
}

/** A message whose larger part is shared between responses and never copied. */
export class EncodedMessage {
  constructor(
    private readonly head: string,
    private readonly rest: Buffer,
  ) {}

  get byteLength(): number {
    return Buffer.byteLength(this.head) + this.rest.length;
  }

  /** Sends it as the body of a response, in one write. */
  end(response: ServerResponse): void {
    response.cork();
    response.write(this.head);
    response.end(this.rest);
  }

  toString(): string {
    return `${this.head}${this.rest.toString()}`;
  }
}

/** Node copies a string body twice more than bytes; for smaller bodies that is still cheaper. */
const LARGE = 65_536;

/** Records the messages of a stream, so that a client which loses its connection can resume it. */
export interface RecordedStream {
  /** Id of an event before the first message, for clients that understand one. */
  readonly firstEventId: string | undefined;
  /** Records a message; returns its event id. */
  append(message: string): string;
  /** The same for the last message. */
  end(message: string): string;
  /** The client cancelled the call; a later resume gets an error that says so. */
  cancel(): void;
  /** There will be no response and nothing to resume. */
  drop(): void;
}

/** @param onRead called when the client resumes on another connection, and regularly while it reads. */
export type StartRecording = (onRead: () => void) => RecordedStream;

interface Expected {
  readonly headers?: OutgoingHttpHeaders;
  /** Number of responses; more than one for a batch. */
  readonly answers?: number;
  /** Called when the response becomes a stream, which then outlives its connection. */
  readonly startRecording?: StartRecording;
}

/** The HTTP response to one POST: plain JSON, or a stream of events from the first notification on. */
export class Reply {
  private stream: EventStream | undefined;
  private recording: RecordedStream | undefined;
  private readonly answers: (string | EncodedMessage)[] = [];
  private status = 200;
  readonly headers: OutgoingHttpHeaders;
  private expected: number;
  private readonly startRecording: StartRecording | undefined;
  private onLostListener: () => void = () => undefined;

  constructor(
    private readonly response: ServerResponse,
    { headers = {}, answers = 1, startRecording }: Expected = {},
  ) {
    this.headers = headers;
    this.expected = answers;
    this.startRecording = startRecording;
  }

  /**
   * Calls back when the client disconnects before the last response, and again whenever it reads
   * on another connection.
   */
  onLost(listener: () => void): void {
    this.onLostListener = listener;
    if (this.response.destroyed) {
      listener();
      return;
    }
    // Not `once`, which wraps every listener: it comes once.
    this.response.on('close', () => {
      if (!this.response.writableFinished) listener();
    });
  }

  /** Sends a message that is not a response. */
  async notify(message: string): Promise<void> {
    if (!this.isEnded) await this.openStream().send(message, this.recording?.append(message));
  }

  /** Makes it a stream now, so that comments keep the connection alive. */
  openStream(): EventStream {
    if (this.stream) return this.stream;
    this.recording = this.startRecording?.(() => this.endConnection());
    this.stream = new EventStream(this.response, this.headers, this.recording?.firstEventId);
    for (const answer of this.answers.splice(0)) void this.stream.send(String(answer));
    return this.stream;
  }

  /** Ends the connection before the response, if the client can resume the stream. */
  pause(): void {
    if (!this.startRecording || this.isEnded) return;
    this.openStream();
    if (this.recording?.firstEventId !== undefined) this.endConnection();
  }

  answer(message: string | EncodedMessage, status = 200): void {
    if (this.isEnded) return;
    this.status = status;
    this.expected -= 1;
    if (!this.stream) this.answers.push(message);
    else if (this.expected > 0) void this.stream.send(String(message));
    else this.endStream(this.stream, String(message));
    if (!this.stream && this.expected === 0) this.sendJson();
  }

  /** One response will not come: the client cancelled the request or did not reconnect in time. */
  skip(reason: 'cancelled' | 'abandoned' = 'cancelled'): void {
    if (this.isEnded) return;
    this.expected -= 1;
    if (this.expected > 0) return;
    if (this.answers.length > 0) this.sendJson();
    else this.endUnanswered(reason);
  }

  /** Messages go to one connection at a time. */
  private endConnection(): void {
    this.stream?.end();
    this.onLostListener();
  }

  /** A recorded stream outlives the connection. */
  private get isEnded(): boolean {
    if (this.recording) return this.expected === 0;
    return this.response.writableEnded || this.response.destroyed;
  }

  private endStream(stream: EventStream, message: string): void {
    void stream.send(message, this.recording?.end(message));
    stream.end();
  }

  private endUnanswered(reason: 'cancelled' | 'abandoned'): void {
    if (reason === 'cancelled') this.recording?.cancel();
    else this.recording?.drop();
    (this.stream ?? new EventStream(this.response, this.headers)).end();
  }

  /** As a list: Node writes one in fewer steps than an object. */
  private headList(size: number): OutgoingHttpHeader[] {
    const list: OutgoingHttpHeader[] = ['Content-Type', 'application/json', 'Content-Length', size];
    for (const [name, value] of Object.entries(this.headers)) if (value !== undefined) list.push(name, value);
    return list;
  }

  private sendJson(): void {
    const answers = this.answers.splice(0);
    const body = answers.length > 1 ? `[${answers.join(',')}]` : (answers[0] ?? '');
    const sent = typeof body === 'string' && body.length > LARGE ? Buffer.from(body) : body;
    const size = typeof sent === 'string' ? Buffer.byteLength(sent) : sent.byteLength;
    this.response.writeHead(this.status, this.headList(size));
    if (sent instanceof EncodedMessage) sent.end(this.response);
    // The same bytes for text in ASCII, which Node writes faster than as UTF-8.
    else if (typeof sent === 'string' && size === sent.length) this.response.end(sent, 'latin1');
    else this.response.end(sent);
  }
}
