import {
  Client as NewerClient,
  StreamableHTTPClientTransport as NewerTransport,
} from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import type { Endpoint } from './clients.js';

interface Options {
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  readonly onprogress?: () => void;
}

/** A TypeScript client of a 2025 revision, and everything it reports and requests by GET. */
export interface WatchedClient extends AsyncDisposable {
  /** What it gave to its host's `onerror`. */
  readonly errors: readonly Error[];
  /** Status of each answer to a GET, and the event id it named. */
  readonly gets: readonly { readonly status: number; readonly lastEventId: string | null }[];
  readonly sessionId: string | undefined;
  call(name: string, args: Record<string, unknown>, options?: Options): Promise<unknown>;
  onToolsChanged(listener: () => void): void;
}

const IDENTITY = { name: 'watched', version: '1.0.0' };
const LIST_CHANGED = 'notifications/tools/list_changed';

type Watching = Pick<WatchedClient, 'errors' | 'gets'> & {
  readonly report: (error: Error) => void;
  readonly options: ConstructorParameters<typeof OlderTransport>[1];
};

function watching(key: string): Watching {
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
  return { errors, gets, report: (error) => errors.push(error), options };
}

async function older({ endpoint, key }: Endpoint): Promise<WatchedClient> {
  const { report, options, ...watched } = watching(key);
  const client = new OlderClient(IDENTITY);
  const transport = new OlderTransport(new URL(endpoint), options);
  Object.assign(client, { onerror: report });
  await client.connect(transport);
  return {
    ...watched,
    get sessionId() {
      return transport.sessionId;
    },
    call: (name, args, more) => client.callTool({ name, arguments: args }, undefined, more),
    onToolsChanged: (listener) => {
      client.fallbackNotificationHandler = ({ method }) => {
        if (method === LIST_CHANGED) listener();
        return Promise.resolve();
      };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function newer({ endpoint, key }: Endpoint, revision: string): Promise<WatchedClient> {
  const { report, options, ...watched } = watching(key);
  const client = new NewerClient(IDENTITY, { supportedProtocolVersions: [revision] });
  const transport = new NewerTransport(new URL(endpoint), options);
  Object.assign(client, { onerror: report });
  await client.connect(transport);
  return {
    ...watched,
    get sessionId() {
      return transport.sessionId;
    },
    call: (name, args, more) => client.callTool({ name, arguments: args }, more),
    onToolsChanged: (listener) => client.setNotificationHandler(LIST_CHANGED, () => listener()),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** The TypeScript libraries, in each revision that has sessions. */
export const WATCHED_CLIENTS: readonly {
  readonly name: string;
  connect(endpoint: Endpoint): Promise<WatchedClient>;
}[] = [
  { name: '@modelcontextprotocol/sdk 1.32.2 at 2025-11-25', connect: older },
  { name: '@modelcontextprotocol/client 2.4.0 at 2025-11-25', connect: (at) => newer(at, '2025-11-25') },
  { name: '@modelcontextprotocol/client 2.4.0 at 2025-06-18', connect: (at) => newer(at, '2025-06-18') },
];
