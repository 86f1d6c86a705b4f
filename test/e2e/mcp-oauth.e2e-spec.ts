import { Client as ClientOfV2 } from '@modelcontextprotocol/client';
import { StreamableHTTPClientTransport as TransportOfV2 } from '@modelcontextprotocol/client';
import { Client as ClientOfV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOfV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FakeRuntime, KEY, McpApp } from '../support/mcp-app.js';

const SENTENCE = /send Authorization: Bearer sk-….* with: cyberun-mcp keys create/;
const IDENTITY = { name: 'oauth', version: '1' };

let app: McpApp;

beforeAll(async () => {
  const runtime = new FakeRuntime();
  runtime.validate = (key) => ({ isValid: key === KEY });
  app = await McpApp.start({ runtime });
});

afterAll(() => app[Symbol.asyncDispose]());

/** What a host with a browser gives its client, which then goes through all of the flow by itself. */
const browser = () => ({
  redirectUrl: 'http://127.0.0.1:1/callback',
  clientMetadata: { redirect_uris: ['http://127.0.0.1:1/callback'], client_name: 'host' },
  clientInformation: () => undefined,
  tokens: () => undefined,
  saveClientInformation: () => undefined,
  saveTokens: () => undefined,
  redirectToAuthorization: () => undefined,
  saveCodeVerifier: () => undefined,
  codeVerifier: () => '',
});

const CLIENTS: readonly (readonly [
  name: string,
  connect: (headers: Record<string, string>) => Promise<void>,
])[] = [
  [
    '@modelcontextprotocol/sdk',
    async (headers) => {
      const options = { authProvider: browser(), requestInit: { headers } };
      const transport = new TransportOfV1(new URL(app.url), options);
      await new ClientOfV1(IDENTITY).connect(transport);
    },
  ],
  [
    '@modelcontextprotocol/client',
    async (headers) => {
      const options = { authProvider: browser(), requestInit: { headers } };
      await new ClientOfV2(IDENTITY).connect(new TransportOfV2(new URL(app.url), options));
    },
  ],
  [
    '@modelcontextprotocol/client, for 2026-07-28,',
    async (headers) => {
      const options = { authProvider: browser(), requestInit: { headers } };
      const client = new ClientOfV2(IDENTITY, { versionNegotiation: { mode: 'auto' } });
      await client.connect(new TransportOfV2(new URL(app.url), options));
    },
  ],
];

describe.each(CLIENTS)('with %s', (_name, connect) => {
  it.each([
    ['there was none', {}],
    ['the key was wrong', { Authorization: 'Bearer sk-wrong-0123456789' }],
    ['the key was of another kind', { Authorization: 'Bearer dk-0123456789' }],
  ])('a client that supports OAuth tells its user that a key is needed when %s', async (_what, headers) => {
    await expect(connect(headers as Record<string, string>)).rejects.toThrow(SENTENCE);
  });
});

describe.each([
  '/register',
  '/register/',
  '/authorize?response_type=code',
  '/token',
  '/.well-known/oauth-protected-resource',
  '/.well-known/oauth-protected-resource/api/v1/mcp',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-authorization-server/api/v1/mcp',
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/api/v1/mcp',
  '/api/v1/mcp/.well-known/openid-configuration',
])('%s', (path) => {
  it.each(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])(
    'an OAuth discovery path answers %s with a 404 in the form of OAuth',
    async (method) => {
      const response = await fetch(`${app.origin}${path}`, { method });
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toBe('application/json');
      if (method === 'HEAD') return;
      expect(await response.json()).toEqual({
        error: 'invalid_request',
        error_description: expect.stringMatching(SENTENCE),
      });
    },
  );
});

it.each(['/registers', '/tokens', '/.well-known/security.txt', '/api/v1/register'])(
  'the path %s gets a 404 that does not mention OAuth',
  async (path) => {
    const response = await fetch(`${app.origin}${path}`);
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain('OAuth');
  },
);
