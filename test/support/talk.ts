import { createParser, type EventSourceMessage } from 'eventsource-parser';

import type { McpApp } from './mcp-app.js';
import { call, McpHttp, type Message } from './mcp-http.js';
import { TalkTools } from './talk-tools.js';

/** An event as it is on the wire. */
export interface WireEvent {
  readonly id: string | undefined;
  /** Absent for an event that holds nothing. */
  readonly message: Message | undefined;
}

/** One connection over which a talk is followed. */
export class Connection {
  private readonly left = new AbortController();
  private readonly events: AsyncGenerator<WireEvent>;
  lastEventId = '';

  private constructor(
    readonly response: Response,
    left: AbortController,
  ) {
    this.left = left;
    this.events = eventsOf(response);
  }

  static async open(request: (signal: AbortSignal) => Promise<Response>): Promise<Connection> {
    const left = new AbortController();
    return new Connection(await request(left.signal), left);
  }

  async next(): Promise<WireEvent> {
    const { value, done } = await this.events.next();
    if (done) throw new Error('the stream has ended');
    this.lastEventId = value.id ?? this.lastEventId;
    return value;
  }

  /** What is said in the next events. */
  async words(count: number): Promise<unknown[]> {
    const words: unknown[] = [];
    while (words.length < count) {
      const { message } = await this.next();
      if (message) words.push(message.params?.['message'] ?? message.result?.structuredContent);
    }
    return words;
  }

  /** Everything up to the end. */
  async rest(): Promise<Message[]> {
    const messages: Message[] = [];
    for await (const { message } of this.events) if (message) messages.push(message);
    return messages;
  }

  /** Loses the connection. */
  lose(): void {
    this.left.abort();
  }
}

/** A call of the tool `talk` in a session of its own, begun at one replica. */
export class Talk {
  private constructor(
    readonly tools: TalkTools,
    readonly session: string,
    readonly first: Connection,
  ) {}

  static async begin(app: McpApp, protocolVersion?: string): Promise<Talk> {
    const http = new McpHttp(app);
    const session = await http.open({}, protocolVersion);
    const tools = app.app.get(TalkTools, { strict: false });
    const begun = tools.next('begun');
    const message = call('talk', { topic: 'cats' }, 7, { progressToken: 'talk' });
    const first = await Connection.open((signal) => http.ask(session, message, { signal }));
    await begun;
    return new Talk(tools, session, first);
  }

  /** Comes back over another connection, at any replica. */
  resume(app: McpApp, lastEventId: string, key?: string): Promise<Connection> {
    const http = new McpHttp(app, key);
    const headers = { 'Last-Event-ID': lastEventId };
    return Connection.open((signal) => http.listen(this.session, { headers, signal }));
  }
}

async function* eventsOf(response: Response): AsyncGenerator<WireEvent> {
  const arrived: WireEvent[] = [];
  const onEvent = ({ id, data }: EventSourceMessage): void => {
    arrived.push({ id, message: data === '' ? undefined : (JSON.parse(data) as Message) });
  };
  const parser = createParser({ onEvent });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    yield* arrived.splice(0);
  }
}
