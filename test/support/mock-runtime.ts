import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request as it arrived. */
export interface SeenRequest {
  readonly method: string;
  /** Path below the base, as sent, without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

type Respond = (request: SeenRequest, response: ServerResponse) => unknown;

/** An answer: a status with a JSON body, or the pen itself. */
export type Answer = { status?: number; json?: unknown; headers?: Record<string, string> } | Respond;

/** One event of a scripted stream, or what happens between two of them. */
export type Scripted =
  | { id?: string; event: string; data: unknown }
  | { comment: string }
  | { until: Promise<unknown> | (() => Promise<unknown>) };

/**
 * A Runtime API made of scripts, behind real HTTP. Routes are `"GET /r/tasks/:id"`; of several answers for a route
 * each is used once, the last one for good. A route without a script is a 404 with the API's own error body.
 */
export class MockRuntime implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  /** Requests whose connection the caller closed before the answer was complete. */
  readonly dropped: SeenRequest[] = [];
  private readonly routes = new Map<string, Answer[]>();

  private constructor(
    private readonly server: Server,
    private readonly base: string,
  ) {}

  /** Listens on a free port, below a base path that is not empty, as real ones are. */
  static async start(base = '/api/v1'): Promise<MockRuntime> {
    const server = createServer();
    const runtime = new MockRuntime(server, base);
    server.on('request', (request, response) => void runtime.serve(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return runtime;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${this.base}`;
  }

  /** Scripts a route; replaces what it had. */
  on(route: string, ...answers: Answer[]): this {
    this.routes.set(route, answers);
    return this;
  }

  /** Scripts a route to answer all its requests once it is released, and from then on at once. */
  withhold(route: string, json: unknown): { readonly release: () => void } {
    const released = Promise.withResolvers<void>();
    this.on(route, async (_request, response) => {
      await released.promise;
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(json));
    });
    return { release: released.resolve };
  }

  /** Requests to a route so far. */
  requests(route: string): SeenRequest[] {
    return this.seen.filter((request) => matches(route, request));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await requestOf(incoming, this.base);
    this.seen.push(request);
    response.once('close', () => {
      if (!response.writableFinished) this.dropped.push(request);
    });
    const answer = this.answerTo(request);
    if (typeof answer === 'function') {
      await answer(request, response);
      return;
    }
    const { status = 200, json, headers = {} } = answer;
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(json === undefined ? '' : JSON.stringify(json));
  }

  private answerTo(request: SeenRequest): Answer {
    const route = [...this.routes.keys()].find((candidate) => matches(candidate, request));
    const answers = route === undefined ? [] : (this.routes.get(route) ?? []);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    return answer ?? { status: 404, json: { error_message: 'resource not found' } };
  }
}

/** An answer of server-sent events, told one after the other; `cut` breaks the connection at the end. */
export function events(script: readonly Scripted[], { cut = false } = {}): Respond {
  return async (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    for (const step of script) {
      if ('until' in step) await (typeof step.until === 'function' ? step.until() : step.until);
      else response.write(textOf(step));
    }
    if (cut) response.destroy();
    else response.end();
  };
}

function textOf(step: Exclude<Scripted, { until: unknown }>): string {
  if ('comment' in step) return `: ${step.comment}\n\n`;
  const id = step.id === undefined ? '' : `id: ${step.id}\n`;
  return `${id}event: ${step.event}\ndata: ${JSON.stringify(step.data)}\n\n`;
}

async function requestOf(incoming: IncomingMessage, base: string): Promise<SeenRequest> {
  const { method = '', url = '', headers } = incoming;
  const [path = '', query = ''] = url.split('?');
  const body = await buffer(incoming);
  return {
    method,
    path: path.startsWith(base) ? path.slice(base.length) : `outside the base: ${path}`,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers,
    body: body.length === 0 ? undefined : (JSON.parse(body.toString('utf8')) as unknown),
  };
}

function matches(route: string, { method, path }: SeenRequest): boolean {
  const [verb, pattern = ''] = route.split(' ');
  const segments = pattern.split('/');
  const given = path.split('/');
  return (
    verb === method &&
    segments.length === given.length &&
    segments.every((segment, index) => segment.startsWith(':') || segment === given[index])
  );
}
