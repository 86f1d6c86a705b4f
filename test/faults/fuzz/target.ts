import { Agent, type IncomingMessage, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';

import { EVERY_TOOL, friendlyRuntime } from '../../support/every-tool.js';
import { events, type MockRuntime } from '../../support/mock-runtime.js';
import { TASK_ID } from '../../support/runtime-samples.js';
import { ServerProcess } from '../../support/server.js';

/** No request may take longer, on a busy machine either. */
const DEADLINE_MS = 10_000;

export const KEY = 'sk-fuzz-0123456789';
/** A task that never ends, and says something of itself every now and then. */
export const ENDLESS_TASK = '019abc12-0000-7000-8000-000000000001';

/** In front of Express; and behind it, where another spelling of the path leads, to the controller. */
export const WAYS = ['/api/v1/mcp', '/api/v1/mcp/'] as const;
export type Way = (typeof WAYS)[number];

export interface Sent {
  readonly way?: Way;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
  /** Streams that do not end by themselves are left as soon as they have begun. */
  readonly mayStay?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly isStream: boolean;
  readonly text: string;
}

/** The built server in role mcp, in front of a runtime made of scripts. */
export class FuzzTarget implements AsyncDisposable {
  requests = 0;
  private readonly agent = new Agent({ keepAlive: true });

  private constructor(
    readonly server: ServerProcess,
    readonly runtime: MockRuntime,
  ) {}

  static async start(): Promise<FuzzTarget> {
    const runtime = await friendlyRuntime();
    for (const { route, answer, status } of EVERY_TOOL)
      runtime.on(route, { json: answer, ...(status && { status }) });
    runtime.on('GET /r/tasks/:id/events', (request, response) =>
      request.path.includes(ENDLESS_TASK)
        ? endless(request, response)
        : events([{ event: 'completed', data: { task_id: TASK_ID, status: 'completed' } }])(
            request,
            response,
          ),
    );
    runtime.on('GET /r/tasks/:id', (request, response) => {
      const isEndless = request.path.includes(ENDLESS_TASK);
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ id: TASK_ID, task_status: isEndless ? 'running' : 'completed' }));
    });
    return new FuzzTarget(
      await ServerProcess.start({ CYBERUN_RUNTIME_URL: runtime.url }, ['--role', 'mcp']),
      runtime,
    );
  }

  /** Sends a request and reads its answer to the end. */
  async ask(sent: Sent): Promise<Answer> {
    const response = await this.open(sent);
    const { statusCode: status = 0, headers } = response;
    const isStream = headers['content-type'] === 'text/event-stream';
    if (isStream && sent.mayStay) {
      response.destroy();
      return { status, headers, isStream, text: '' };
    }
    return { status, headers, isStream, text: (await buffer(response)).toString() };
  }

  /** Sends a request and returns its response as soon as that begins. */
  open({
    way = WAYS[0],
    method = 'POST',
    headers = {},
    body,
    mayStay = false,
  }: Sent): Promise<IncomingMessage> {
    this.requests += 1;
    const { hostname, port } = new URL(this.server.endpoint);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = send(
      { hostname, port, path: way, method, headers: { ...headers }, agent: this.agent },
      resolve,
    );
    const late = setTimeout(() => request.destroy(new Error(`no end within ${DEADLINE_MS} ms`)), DEADLINE_MS);
    request.once('error', reject).once('close', () => clearTimeout(late));
    if (mayStay) request.once('response', () => clearTimeout(late));
    request.end(body);
    return promise;
  }

  /** What the server has logged as an error of its own. */
  get failures(): string[] {
    return this.server.log.filter((line) => /"level":"?(error|fatal)/.test(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.agent.destroy();
    await this.server[Symbol.asyncDispose]();
    await this.runtime[Symbol.asyncDispose]();
  }
}

const endless = events([
  { id: '1', event: 'status', data: { task_id: ENDLESS_TASK, status: 'running' } },
  { until: new Promise(() => undefined) },
]);

/** What every client sends. */
export const usual = (headers: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  Authorization: `Bearer ${KEY}`,
  Accept: 'application/json, text/event-stream',
  'Content-Type': 'application/json',
  ...headers,
});

const HELLO = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'fuzz', version: '1' } },
};

/** Opens a session. */
export async function openSession(
  target: FuzzTarget,
  { key = KEY, way = WAYS[0] }: { key?: string; way?: Way } = {},
): Promise<string> {
  const headers = usual({ Authorization: `Bearer ${key}` });
  const answer = await target.ask({ way, headers, body: JSON.stringify(HELLO) });
  const id = answer.headers['mcp-session-id'];
  if (answer.status !== 200 || typeof id !== 'string')
    throw new Error(`no session: ${answer.status} ${answer.text}`);
  return id;
}
