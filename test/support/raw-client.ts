import { createParser } from 'eventsource-parser';

import type { CallOptions, Endpoint, Progress, StoryClient, ToolResult } from './clients.js';

const REVISION = '2025-06-18';

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Progress & { readonly progressToken?: number };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A client of revision 2025-06-18 written from the specification, with nothing but fetch. */
export class RawClient implements StoryClient {
  private lastId = 0;
  private session: string | undefined;
  revision: string | undefined;

  private constructor(private readonly at: Endpoint) {}

  static async connect(at: Endpoint): Promise<RawClient> {
    const client = new RawClient(at);
    const { protocolVersion } = await client.request<{ protocolVersion: string }>('initialize', {
      protocolVersion: REVISION,
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
    });
    client.revision = protocolVersion;
    const accepted = await client.post({ method: 'notifications/initialized' });
    if (accepted.status !== 202) throw new Error(`a notification was answered with ${accepted.status}`);
    return client;
  }

  async listTools(): Promise<string[]> {
    const { tools } = await this.request<{ tools: { name: string }[] }>('tools/list', {});
    return tools.map(({ name }) => name);
  }

  call(name: string, args: object = {}, { onprogress }: CallOptions = {}): Promise<ToolResult> {
    const meta = onprogress ? { _meta: { progressToken: this.lastId + 1 } } : {};
    return this.request('tools/call', { name, arguments: args, ...meta }, onprogress);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await fetch(this.at.endpoint, { method: 'DELETE', headers: this.headers() });
  }

  private headers(): Record<string, string> {
    return {
      Authorization: `Bearer ${this.at.key}`,
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      ...(this.session && { 'Mcp-Session-Id': this.session, 'MCP-Protocol-Version': REVISION }),
    };
  }

  private post(message: object): Promise<Response> {
    return fetch(this.at.endpoint, {
      method: 'POST',
      headers: this.headers(),
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
  }

  private async request<Result>(
    method: string,
    params: object,
    onprogress?: CallOptions['onprogress'],
  ): Promise<Result> {
    const id = ++this.lastId;
    const response = await this.post({ id, method, params });
    this.session ??= response.headers.get('mcp-session-id') ?? undefined;
    for await (const message of messagesOf(response)) {
      if (message.method === 'notifications/progress' && message.params) onprogress?.(message.params);
      if (message.id !== id) continue;
      if (message.error) throw new Error(message.error.message);
      return message.result as Result;
    }
    throw new Error(`${method} was never answered (${response.status})`);
  }
}

async function* messagesOf(response: Response): AsyncGenerator<Message> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    yield (await response.json()) as Message;
    return;
  }
  const messages: Message[] = [];
  const parser = createParser({ onEvent: ({ data }) => messages.push(JSON.parse(data) as Message) });
  const text = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(text.decode(chunk, { stream: true }));
    yield* messages.splice(0);
  }
}
