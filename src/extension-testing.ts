// Help for the tests of extensions, `cyberun-mcp/extension/testing`: the real endpoint in the process of the test.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import 'reflect-metadata';

import type { CallToolResult } from '@modelcontextprotocol/server';

import { createApplication } from './application.js';
import { Addresses, readConfig } from './config/index.js';
import { drainMcp } from './mcp/index.js';
import type { ExtensionModule } from './modules/index.js';

/** Revision of the requests: one without sessions. */
const REVISION = '2026-07-28';
const DRAIN_MS = 1000;

export interface TestServerOptions {
  /** The modules of the extension; what refuses them at a real start refuses them here. */
  readonly modules: readonly ExtensionModule['module'][];
  /** Settings beside the default ones, such as `CYBERUN_MCP_TOOLSETS`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A tool as tools/list shows it to a client. */
export interface ListedTestTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** A running endpoint in role mcp, with the fifteen tools and those of the extension. */
export interface TestServer extends AsyncDisposable {
  /** URL for MCP clients. */
  readonly endpoint: string;
  /** A key that the endpoint takes. */
  readonly key: string;
  listTools(): Promise<ListedTestTool[]>;
  /** Calls a tool. A failed call is a result with `isError`, as clients get it. */
  callTool(
    name: string,
    args?: Readonly<Record<string, unknown>>,
    options?: { readonly key?: string },
  ): Promise<CallToolResult>;
  close(): Promise<void>;
}

/** Starts the endpoint with an extension, on a free port. Close it at the end of the test, or use `await using`. */
export async function startTestServer({ modules, settings = {} }: TestServerOptions): Promise<TestServer> {
  const api = createServer(answerAsRuntime).listen(0, '127.0.0.1');
  await once(api, 'listening');
  const config = readConfig('mcp', {
    CYBERUN_RUNTIME_URL: `${originAt(api)}/api/v1`,
    CYBERUN_HTTP_PORT: '0',
    CYBERUN_LOGGER_LEVEL: 'error',
    ...settings,
  });
  const extensions = modules.map((module) => ({ source: 'the test', module }));
  const app = await createApplication(config, { extensions }).catch((error: unknown) => {
    api.close();
    throw error;
  });
  await app.listen(config.httpPort, config.httpHost);
  const { port } = app.getHttpServer().address() as AddressInfo;
  await app.get(Addresses).announce(port);
  const endpoint = `http://127.0.0.1:${port}/api/v1/mcp`;
  return new RunningTestServer(endpoint, async () => {
    await drainMcp(app, DRAIN_MS);
    await app.close();
    api.closeAllConnections();
    api.close();
  });
}

class RunningTestServer implements TestServer {
  readonly key = 'sk-test-0123456789abcdef0123';

  constructor(
    readonly endpoint: string,
    readonly close: () => Promise<void>,
  ) {}

  async listTools(): Promise<ListedTestTool[]> {
    const { tools } = (await this.send('tools/list', {}, this.key)) as { tools: ListedTestTool[] };
    return tools;
  }

  async callTool(
    name: string,
    args: Readonly<Record<string, unknown>> = {},
    { key = this.key }: { readonly key?: string } = {},
  ): Promise<CallToolResult> {
    return (await this.send('tools/call', { name, arguments: args }, key)) as CallToolResult;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The result of one request; an error of the protocol is thrown. */
  private async send(
    method: string,
    params: Readonly<Record<string, unknown>>,
    key: string,
  ): Promise<unknown> {
    const { name } = params;
    const response = await fetch(this.endpoint, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${key}`,
        Accept: 'application/json, text/event-stream',
        'Content-Type': 'application/json',
        'MCP-Protocol-Version': REVISION,
        'Mcp-Method': method,
        ...(typeof name === 'string' && { 'Mcp-Name': name }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } }),
    });
    const { result, error } = lastMessage(await response.text());
    if (error) throw new Error(`${method} was answered with ${response.status}: ${error.message}`);
    return result;
  }
}

const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'cyberun-mcp-testing', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A body, or the last event of a stream. */
function lastMessage(text: string): { result?: unknown; error?: { message: string } } {
  const events = [...text.matchAll(/^data: ?(\{.*\})$/gm)].map(([, data = '']) => data);
  return JSON.parse(events.at(-1) ?? text) as { result?: unknown };
}

/** As a Runtime API that knows every key and has nothing. */
function answerAsRuntime({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const isKeyCheck = url.startsWith('/api/v1/r/workflows');
  const body = isKeyCheck
    ? { workflow_list: [], page_meta: { total_page: 0, total_item: 0 } }
    : { error_message: 'the runtime of the test has nothing here' };
  response
    .writeHead(isKeyCheck ? 200 : 404, { 'Content-Type': 'application/json' })
    .end(JSON.stringify(body));
}

const originAt = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
