import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { RawClient } from './raw-client.js';

/** What a progress notification carries. */
export interface Progress {
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

/** What the tests read of a tool result. */
export interface ToolResult {
  readonly isError?: boolean | undefined;
  readonly structuredContent?: Record<string, unknown> | undefined;
  readonly content: readonly { readonly type: string; readonly [field: string]: unknown }[];
}

/** The same interface for every library and revision. */
export interface StoryClient extends AsyncDisposable {
  /** The revision both sides agreed on. */
  readonly revision: string | undefined;
  listTools(): Promise<string[]>;
  call(name: string, args: object, onProgress?: (progress: Progress) => void): Promise<ToolResult>;
}

/** Where to connect, and with what. */
export interface Endpoint {
  readonly endpoint: string;
  readonly key: string;
}

const IDENTITY = { name: 'story', version: '1.0.0' };
const REQUEST_OPTIONS = { timeout: 120_000, resetTimeoutOnProgress: true };
const authorised = (key: string) => ({ requestInit: { headers: { Authorization: `Bearer ${key}` } } });

async function modern(
  { endpoint, key }: Endpoint,
  options: ConstructorParameters<typeof ModernClient>[1],
): Promise<StoryClient> {
  const client = new ModernClient(IDENTITY, options);
  await client.connect(new ModernTransport(new URL(endpoint), authorised(key)));
  return {
    revision: client.getNegotiatedProtocolVersion(),
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, onProgress) =>
      (await client.callTool(
        { name, arguments: { ...args } },
        { ...REQUEST_OPTIONS, ...(onProgress && { onprogress: onProgress }) },
      )) as ToolResult,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function older({ endpoint, key }: Endpoint): Promise<StoryClient> {
  const client = new OlderClient(IDENTITY);
  const transport = new OlderTransport(new URL(endpoint), authorised(key));
  await client.connect(transport);
  return {
    revision: transport.protocolVersion,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, onProgress) =>
      (await client.callTool({ name, arguments: { ...args } }, undefined, {
        ...REQUEST_OPTIONS,
        ...(onProgress && { onprogress: onProgress }),
      })) as ToolResult,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** Every generation of client that is promised to work, with the revision it must end up with. */
export const CLIENTS: readonly {
  readonly name: string;
  readonly revision: string;
  connect(endpoint: Endpoint): Promise<StoryClient>;
}[] = [
  {
    name: '@modelcontextprotocol/client 2.4.0, auto',
    revision: '2026-07-28',
    connect: (at) => modern(at, { versionNegotiation: { mode: 'auto' } }),
  },
  {
    name: '@modelcontextprotocol/client 2.4.0 at 2025-06-18',
    revision: '2025-06-18',
    connect: (at) => modern(at, { supportedProtocolVersions: ['2025-06-18'] }),
  },
  { name: '@modelcontextprotocol/sdk 1.32.2', revision: '2025-11-25', connect: older },
  { name: 'raw HTTP', revision: '2025-06-18', connect: (at) => RawClient.connect(at) },
];
