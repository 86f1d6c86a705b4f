import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

import { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
  McpServer,
} from '@modelcontextprotocol/server';

import { serverInfo } from '../../../src/mcp/index.js';
import { SAMPLE_SCHEMAS } from '../../support/sample-tools.js';

const text = (value: object) => [{ type: 'text' as const, text: JSON.stringify(value) }];
const answer = (value: Record<string, unknown>) => ({ content: text(value), structuredContent: value });

/** The sample tools once more, on the SDK's own server. */
function sdkServer(): McpServer {
  const { implementation, instructions } = serverInfo;
  const server = new McpServer(implementation, {
    capabilities: { tools: { listChanged: true } },
    // It has none of the tools that the instructions name.
    instructions: instructions(() => false),
  });
  const echo = { title: 'Echo', annotations: { title: 'Echo', readOnlyHint: true } };
  const anything = { ...SAMPLE_SCHEMAS.anything } as never;
  server.registerTool(
    'echo',
    {
      ...echo,
      description: 'Says it back',
      inputSchema: SAMPLE_SCHEMAS.echo as never,
      outputSchema: anything,
    },
    (({ text: said }: { text: string }) => answer({ text: said })) as never,
  );
  server.registerTool(
    'nothing',
    { description: 'Does nothing', inputSchema: SAMPLE_SCHEMAS.nothing as never },
    (() => answer({ ok: true })) as never,
  );
  server.registerTool(
    'refuse',
    { description: 'Says no', inputSchema: SAMPLE_SCHEMAS.refuse as never },
    (() => ({ ...answer({ error_message: 'resource not found' }), isError: true })) as never,
  );
  server.registerTool(
    'count',
    { description: 'Counts, and reports its progress', inputSchema: SAMPLE_SCHEMAS.count as never },
    (async ({ to }: { to: number }, { mcpReq }: { mcpReq: CountContext }) => {
      const progressToken = mcpReq._meta?.progressToken;
      if (progressToken === undefined) return answer({ counted: to });
      for (let progress = 1; progress <= to; progress += 1) {
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progress, total: to, progressToken },
        });
      }
      return answer({ counted: to });
    }) as never,
  );
  return server;
}

interface CountContext {
  readonly _meta?: { readonly progressToken?: unknown };
  notify(notification: object): Promise<void>;
}

/** The SDK's own handlers on one URL, composed as its documentation says: sessions for 2025, the strict handler beside. */
export class Oracle implements AsyncDisposable {
  private readonly sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  private readonly stateless = createMcpHandler(() => sdkServer(), { legacy: 'reject' });
  private readonly statelessNode = toNodeHandler(this.stateless);
  private readonly http: HttpServer = createServer((request, response) => void this.serve(request, response));

  private constructor(private readonly enableJsonResponse: boolean) {}

  /** With `json`, what can be plain JSON is; without, every answer is a stream. */
  static async start({ json }: { readonly json: boolean }): Promise<Oracle> {
    const oracle = new Oracle(json);
    oracle.http.listen(0, '127.0.0.1');
    await once(oracle.http, 'listening');
    return oracle;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stateless.close();
    for (const transport of this.sessions.values()) await transport.close();
    this.http.closeAllConnections();
    this.http.close();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const body = parsed(bytes);
    const web = await toWebRequest(withBody(request, bytes), undefined);
    if (!(await isLegacyRequest(web.clone()))) {
      await this.statelessNode(withBody(request, bytes), response);
      return;
    }
    const transport = await this.transportFor(request, body);
    await transport.handleRequest(withBody(request, bytes), response);
  }

  private async transportFor(
    request: IncomingMessage,
    body: unknown,
  ): Promise<NodeStreamableHTTPServerTransport> {
    const id = request.headers['mcp-session-id'];
    const found = this.sessions.get(String(id));
    if (found) return found;
    const messages: unknown[] = Array.isArray(body) ? body : [body];
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      enableJsonResponse: this.enableJsonResponse,
      onsessioninitialized: (opened) => void this.sessions.set(opened, transport),
      onsessionclosed: (closed) => void this.sessions.delete(closed),
    });
    await sdkServer().connect(transport);
    // A request without a known session goes to a transport that has another session.
    if (id !== undefined || !messages.some((message) => isInitializeRequest(message)))
      await occupy(transport);
    return transport;
  }
}

/** Opens a session whose id no client has. */
async function occupy(transport: NodeStreamableHTTPServerTransport): Promise<void> {
  const inner = Reflect.get(transport, '_webStandardTransport') as {
    handleRequest(request: Request): Promise<Response>;
  };
  await inner.handleRequest(
    new Request('http://localhost/', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 0,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'none', version: '0' },
        },
      }),
    }),
  );
}

/** A request whose body was read can be read once more. */
function withBody(
  request: IncomingMessage,
  bytes: Buffer,
): IncomingMessage & { method: string; url: string } {
  const copy = Object.create(request) as IncomingMessage;
  const iterate = async function* (): AsyncGenerator<Buffer> {
    if (bytes.length > 0) yield bytes;
  };
  return Object.assign(copy as IncomingMessage & { method: string; url: string }, {
    [Symbol.asyncIterator]: iterate,
    rawBody: bytes,
  });
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
