import {
  Client as NewerClient,
  StreamableHTTPClientTransport as NewerTransport,
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

export interface CallOptions {
  readonly onprogress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
}

/** The same interface for every library and revision. */
export interface StoryClient extends AsyncDisposable {
  /** The revision both sides agreed on. */
  readonly revision: string | undefined;
  listTools(): Promise<string[]>;
  call(name: string, args?: object, options?: CallOptions): Promise<ToolResult>;
}

/** A client of a TypeScript library, and everything it reports and requests by GET. */
export interface LibraryClient extends StoryClient {
  /** What it gave to its host's `onerror`. */
  readonly errors: readonly Error[];
  /** Status of each answer to a GET, and the event id it named. */
  readonly gets: readonly { readonly status: number; readonly lastEventId: string | null }[];
  readonly sessionId: string | undefined;
  /** Calls back when the server says that its list of tools has changed. */
  onToolsChanged(listener: () => void): void;
}

/** Where to connect, and with what. */
export interface Endpoint {
  readonly endpoint: string;
  readonly key: string;
}

interface Kind<Client> {
  readonly name: string;
  /** The revision it must end up with. */
  readonly revision: string;
  connect(at: Endpoint): Promise<Client>;
}

const IDENTITY = { name: 'story', version: '1.0.0' };
const REQUEST_OPTIONS = { timeout: 120_000, resetTimeoutOnProgress: true };
const LIST_CHANGED = 'notifications/tools/list_changed';

function watching(key: string) {
  const errors: Error[] = [];
  const gets: { status: number; lastEventId: string | null }[] = [];
  const fetched: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    if (init?.method === 'GET') {
      gets.push({ status: response.status, lastEventId: new Headers(init.headers).get('last-event-id') });
    }
    return response;
  };
  const options = { fetch: fetched, requestInit: { headers: { Authorization: `Bearer ${key}` } } };
  return { watched: { errors, gets }, onerror: (error: Error) => errors.push(error), options };
}

type NewerOptions = ConstructorParameters<typeof NewerClient>[1];

async function newer({ endpoint, key }: Endpoint, negotiation: NewerOptions): Promise<LibraryClient> {
  const { watched, onerror, options } = watching(key);
  const client = new NewerClient(IDENTITY, negotiation);
  const transport = new NewerTransport(new URL(endpoint), options);
  Object.assign(client, { onerror });
  await client.connect(transport);
  return {
    ...watched,
    revision: client.getNegotiatedProtocolVersion(),
    get sessionId() {
      return transport.sessionId;
    },
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, more = {}) =>
      (await client.callTool(
        { name, arguments: { ...args } },
        { ...REQUEST_OPTIONS, ...more },
      )) as ToolResult,
    onToolsChanged: (listener) => client.setNotificationHandler(LIST_CHANGED, () => listener()),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function older({ endpoint, key }: Endpoint): Promise<LibraryClient> {
  const { watched, onerror, options } = watching(key);
  const client = new OlderClient(IDENTITY);
  const transport = new OlderTransport(new URL(endpoint), options);
  Object.assign(client, { onerror });
  await client.connect(transport);
  return {
    ...watched,
    revision: transport.protocolVersion,
    get sessionId() {
      return transport.sessionId;
    },
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, more = {}) =>
      (await client.callTool({ name, arguments: { ...args } }, undefined, {
        ...REQUEST_OPTIONS,
        ...more,
      })) as ToolResult,
    onToolsChanged: (listener) => {
      client.fallbackNotificationHandler = ({ method }) => {
        if (method === LIST_CHANGED) listener();
        return Promise.resolve();
      };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** The TypeScript libraries, in each revision they can speak with us. */
export const LIBRARY_CLIENTS: readonly Kind<LibraryClient>[] = [
  {
    name: '@modelcontextprotocol/client 2.4.0, auto',
    revision: '2026-07-28',
    connect: (at) => newer(at, { versionNegotiation: { mode: 'auto' } }),
  },
  {
    name: '@modelcontextprotocol/client 2.4.0, legacy',
    revision: '2025-11-25',
    connect: (at) => newer(at, {}),
  },
  {
    name: '@modelcontextprotocol/client 2.4.0 at 2025-06-18',
    revision: '2025-06-18',
    connect: (at) => newer(at, { supportedProtocolVersions: ['2025-06-18'] }),
  },
  { name: '@modelcontextprotocol/sdk 1.32.2', revision: '2025-11-25', connect: older },
];

/** Those of them that open a session. */
export const SESSION_CLIENTS = LIBRARY_CLIENTS.filter(({ revision }) => revision < '2026');

/** A client of every library and revision that is promised to work. */
export const CLIENTS: readonly Kind<StoryClient>[] = [
  ...LIBRARY_CLIENTS.filter(({ name }) => !name.endsWith('legacy')),
  { name: 'raw HTTP', revision: '2025-06-18', connect: (at) => RawClient.connect(at) },
];

/** The older library, which validates every result against the output schema of its tool. */
export async function validatingClient(at: Endpoint): Promise<StoryClient> {
  const older = CLIENTS.find(({ name }) => name.includes('sdk 1'));
  if (!older) throw new Error('no older client');
  const client = await older.connect(at);
  await client.listTools();
  return client;
}
