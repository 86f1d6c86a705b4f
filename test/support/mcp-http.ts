import { createParser } from 'eventsource-parser';

import { KEY } from './mcp-app.js';

export const LEGACY = '2025-11-25';
export const MODERN = '2026-07-28';

export const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
} as const;

export interface Message {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: ToolResult;
  readonly error?: { readonly code: number; readonly message: string };
}

/** As much of a result as the tests look into. */
export interface ToolResult {
  readonly isError?: boolean;
  readonly content: readonly { readonly type: string; readonly text: string }[];
  readonly structuredContent: Record<string, unknown> & { readonly error_message?: string };
  readonly tools: readonly { readonly name: string }[];
}

interface Sending {
  readonly key?: string;
  readonly session?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Requests as a client without a library makes them. */
export class McpHttp {
  constructor(
    private readonly app: { readonly url: string },
    private readonly key: string = KEY,
  ) {}

  send(
    method: string,
    body?: unknown,
    { key = this.key, session, headers, signal }: Sending = {},
  ): Promise<Response> {
    return fetch(this.app.url, {
      method,
      headers: {
        Authorization: `Bearer ${key}`,
        Accept: 'application/json, text/event-stream',
        ...(method === 'POST' && { 'Content-Type': 'application/json' }),
        ...(session !== undefined && { 'Mcp-Session-Id': session }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  }

  /** Opens a session, with the usual client info. */
  async open(capabilities: object = {}, protocolVersion = LEGACY, sending: Sending = {}): Promise<string> {
    const params = { protocolVersion, capabilities, clientInfo: { name: 'test', version: '1.0.0' } };
    const response = await this.send('POST', rpc('initialize', params), sending);
    await response.text();
    const session = response.headers.get('mcp-session-id');
    if (session === null) throw new Error(`no session was opened: ${response.status}`);
    const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
    await this.send('POST', initialized, { session, ...sending });
    return session;
  }

  /** A request in a session. */
  ask(session: string, body: object, sending: Sending = {}): Promise<Response> {
    return this.send('POST', body, { session, ...sending });
  }

  /** A request of 2026-07-28. */
  stateless(
    method: string,
    params: Record<string, unknown> = {},
    { meta = {}, ...sending }: Sending & { meta?: object } = {},
  ): Promise<Response> {
    const name = params['name'] ?? params['uri'];
    const headers = {
      'MCP-Protocol-Version': MODERN,
      'Mcp-Method': method,
      ...(typeof name === 'string' && { 'Mcp-Name': name }),
      ...sending.headers,
    };
    return this.send('POST', rpc(method, { ...params, _meta: { ...ENVELOPE, ...meta } }), {
      ...sending,
      headers,
    });
  }

  /** Opens the standalone stream of a session. */
  listen(session: string, sending: Sending = {}): Promise<Response> {
    return this.send('GET', undefined, { session, ...sending });
  }
}

export const rpc = (method: string, params?: unknown, id: string | number = 1): object => ({
  jsonrpc: '2.0',
  id,
  method,
  ...(params !== undefined && { params }),
});

export const call = (name: string, args: object = {}, id: string | number = 1, meta?: object): object =>
  rpc('tools/call', { name, arguments: args, ...(meta && { _meta: meta }) }, id);

/** Messages of a stream, one after the other; ends when the server ends it. */
export async function* messagesOf(response: Response): AsyncGenerator<Message> {
  const arrived: Message[] = [];
  const parser = createParser({
    // The first event of a stream that can be resumed holds nothing.
    onEvent: ({ data }) => data !== '' && arrived.push(JSON.parse(data) as Message),
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    yield* arrived.splice(0);
  }
}

/** The next message of a stream. */
export async function nextOf(messages: AsyncGenerator<Message>): Promise<Message> {
  const { value, done } = await messages.next();
  if (done) throw new Error('the stream has ended');
  return value;
}

/** Everything a response holds, as JSON or as events. */
export async function allOf(response: Response): Promise<Message[]> {
  if (response.headers.get('content-type') === 'text/event-stream') {
    const messages: Message[] = [];
    for await (const message of messagesOf(response)) messages.push(message);
    return messages;
  }
  return [(await response.json()) as Message];
}

/** The one answer a response holds. */
export async function answerOf(response: Response): Promise<Message> {
  const [answer] = await allOf(response);
  if (!answer) throw new Error(`no answer came, with status ${response.status}`);
  return answer;
}

/** The result in that answer. */
export async function resultOf(response: Response): Promise<ToolResult> {
  const { result } = await answerOf(response);
  if (!result) throw new Error(`no result came, with status ${response.status}`);
  return result;
}
