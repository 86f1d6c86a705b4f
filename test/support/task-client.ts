import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { z } from 'zod';

import type { Endpoint } from './clients.js';
import { answerOf, ENVELOPE, McpHttp, type Message, messagesOf } from './mcp-http.js';

export const TASKS = 'io.modelcontextprotocol/tasks';

const DECLARED = { elicitation: {}, extensions: { [TASKS]: {} } };
const anything = z.looseObject({});

type Members = Record<string, unknown>;

/**
 * The SDK's client at 2026-07-28, which declares the Tasks extension or not. The SDK refuses the answer of a tool that is a
 * task, so calls of tools and subscriptions are sent without it.
 */
export class TaskClient implements AsyncDisposable {
  private constructor(
    readonly sdk: Client,
    private readonly http: McpHttp,
    private readonly meta: object,
  ) {}

  static async connect({ endpoint, key }: Endpoint, capabilities: object = DECLARED): Promise<TaskClient> {
    const sdk = new Client(
      { name: 'tasks', version: '1.0.0' },
      { capabilities, versionNegotiation: { mode: 'auto' } },
    );
    const requestInit = { headers: { Authorization: `Bearer ${key}` } };
    await sdk.connect(new StreamableHTTPClientTransport(new URL(endpoint), { requestInit }));
    const meta = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': capabilities };
    return new TaskClient(sdk, new McpHttp({ url: endpoint }, key), meta);
  }

  /** The result of a call as it is on the wire. */
  async call(name: string, args: object = {}, more: object = {}): Promise<Members> {
    const params = { name, arguments: args, ...more };
    const { result, error } = await answerOf(
      await this.http.stateless('tools/call', params, { meta: this.meta }),
    );
    if (error) throw Object.assign(new Error(error.message), error);
    return result as unknown as Members;
  }

  get(taskId: string): Promise<Members> {
    return this.request('tasks/get', { taskId });
  }

  update(taskId: string, inputResponses: object): Promise<Members> {
    return this.request('tasks/update', { taskId, inputResponses });
  }

  cancel(taskId: string): Promise<Members> {
    return this.request('tasks/cancel', { taskId });
  }

  request(method: string, params: Members): Promise<Members> {
    return this.sdk.request({ method, params } as never, anything);
  }

  /** Subscribes to tasks; the messages of the stream. */
  async listen(taskIds: unknown, more: object = {}, signal?: AbortSignal): Promise<AsyncGenerator<Message>> {
    const params = { notifications: { taskIds, ...more } };
    const options = { meta: this.meta, ...(signal && { signal }) };
    return messagesOf(await this.http.stateless('subscriptions/listen', params, options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.sdk.close();
  }
}
