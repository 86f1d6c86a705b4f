import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { KEY, type McpApp } from './mcp-app.js';
import type { ToolResult } from './mcp-http.js';

/** What the tests need of a client, for every library. */
export interface TestClient extends AsyncDisposable {
  readonly revision: string | undefined;
  listTools(): Promise<string[]>;
  call(name: string, args?: object, options?: CallOptions): Promise<ToolResult>;
  /** Calls back when the server says that its list of tools has changed. */
  onToolsChanged(listener: () => void): void;
}

interface CallOptions {
  readonly onprogress?: (progress: { progress: number; total?: number | undefined }) => void;
  readonly signal?: AbortSignal;
}

interface Connecting {
  readonly name: string;
  readonly revision: string;
  connect(app: McpApp): Promise<TestClient>;
}

const IDENTITY = { name: 'test', version: '1.0.0' };
const authorised = { requestInit: { headers: { Authorization: `Bearer ${KEY}` } } };

type ModernOptions = ConstructorParameters<typeof ModernClient>[1];

async function modern(app: McpApp, options: ModernOptions): Promise<TestClient> {
  const client = new ModernClient(IDENTITY, options);
  await client.connect(new ModernTransport(new URL(app.url), authorised));
  return {
    revision: client.getNegotiatedProtocolVersion(),
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, more) =>
      (await client.callTool({ name, arguments: { ...args } }, more)) as unknown as ToolResult,
    onToolsChanged: (listener) =>
      client.setNotificationHandler('notifications/tools/list_changed', () => {
        listener();
      }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function older(app: McpApp): Promise<TestClient> {
  const client = new OlderClient(IDENTITY);
  const transport = new OlderTransport(new URL(app.url), authorised);
  await client.connect(transport);
  return {
    revision: transport.protocolVersion,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, more) =>
      (await client.callTool({ name, arguments: { ...args } }, undefined, more)) as unknown as ToolResult,
    onToolsChanged: (listener) => {
      client.fallbackNotificationHandler = ({ method }) => {
        if (method === 'notifications/tools/list_changed') listener();
        return Promise.resolve();
      };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** Every generation of client, with the revision it must end up with. */
export const TEST_CLIENTS: readonly Connecting[] = [
  {
    name: '@modelcontextprotocol/client 2.4.0, auto',
    revision: '2026-07-28',
    connect: (app) => modern(app, { versionNegotiation: { mode: 'auto' } }),
  },
  {
    name: '@modelcontextprotocol/client 2.4.0, legacy',
    revision: '2025-11-25',
    connect: (app) => modern(app, {}),
  },
  {
    name: '@modelcontextprotocol/client 2.4.0 at 2025-06-18',
    revision: '2025-06-18',
    connect: (app) => modern(app, { supportedProtocolVersions: ['2025-06-18'] }),
  },
  { name: '@modelcontextprotocol/sdk 1.32.2', revision: '2025-11-25', connect: older },
];
