import { Injectable, Module } from '@nestjs/common';
import { type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

import { type KeyTool, McpModule, type ToolSource, ToolSources } from '../../src/mcp/index.js';
import type { Caller } from '../../src/upstream/index.js';
import { McpHttp, resultOf, rpc } from '../support/mcp-http.js';
import { KEY } from '../support/mcp-app.js';
import { OAuthApp, OTHER_KEY, TEAM_KEY } from '../support/oauth-app.js';

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = (): number => Math.floor(Date.now() / 1000);

describe('an access token', () => {
  let oauth: OAuthApp;
  let http: McpHttp;

  beforeAll(async () => {
    oauth = await OAuthApp.start();
    http = new McpHttp(oauth.app);
  });

  afterAll(() => oauth[Symbol.asyncDispose]());

  it('an access token is accepted in exchange for the key of its team, which alone reaches the runtime', async () => {
    const key = await oauth.token();
    expect((await http.stateless('tools/list', {}, { key })).status).toBe(200);
    expect(oauth.runtime.validatedKeys).toEqual([TEAM_KEY]);
    expect(oauth.app.log.text).not.toContain(TEAM_KEY);
  });

  it.each([
    ['at+jwt that has a nonce', { typ: 'at+jwt' }, { nonce: 'n-1' }],
    ['JWT that Keycloak calls a bearer token', { typ: 'JWT' }, { nonce: 'n-1', typ: 'Bearer' }],
  ])('an access token of the type %s is no ID token', async (_what, header, claims) => {
    const key = await oauth.token({ header, claims });
    expect((await http.stateless('tools/list', {}, { key })).status).toBe(200);
  });

  it('keys are accepted beside access tokens', async () => {
    expect((await http.stateless('tools/list', {}, { key: KEY })).status).toBe(200);
  });

  const idToken = (claims: JWTPayload): Promise<string> => oauth.token({ header: { typ: 'JWT' }, claims });

  const BAD: readonly (readonly [name: string, make: () => string | Promise<string>, reason: RegExp])[] = [
    ['of another audience', () => oauth.issuer.token('https://other.example.com'), /another resource/],
    ['without an audience', () => oauth.token({ without: ['aud'] }), /another resource/],
    ['of another issuer', () => oauth.token({ claims: { iss: 'https://evil.example.com' } }), /issuer/],
    ['that has expired', () => oauth.token({ expiresIn: -60 }), /expired/],
    ['that is not valid yet', () => oauth.token({ claims: { nbf: now() + 120 } }), /not valid yet/],
    ['that never expires', () => oauth.token({ without: ['exp'] }), /no time/],
    ['without a subject', () => oauth.token({ without: ['sub'] }), /subject/],
    ['of another type', () => oauth.token({ header: { typ: 'logout+jwt' } }), /type/],
    ['that is an ID token with a nonce', () => idToken({ nonce: 'n-1' }), /ID token/],
    ['that is an ID token with at_hash', () => idToken({ at_hash: 'MTIzNDU2Nzg5MA' }), /ID token/],
    ['that is an ID token with c_hash', () => idToken({ c_hash: 'MTIzNDU2Nzg5MA' }), /ID token/],
    ['that is an ID token of Keycloak', () => idToken({ typ: 'ID' }), /ID token/],
    ['bound to a key of its client', () => oauth.token({ claims: { cnf: { jkt: 'x' } } }), /bound/],
    ['with an unknown kid', () => oauth.token({ header: { kid: '../../etc/passwd' } }), /key/],
    [
      'that carries its own key',
      () => oauth.token({ header: { kid: 'own', jwk: oauth.issuer.publicKey } }),
      /key/,
    ],
    [
      'with alg none',
      () =>
        `${encoded({ alg: 'none' })}.${encoded({ iss: oauth.issuer.issuer, aud: oauth.resource, sub: 'x', exp: now() + 60 })}.`,
      /not valid|algorithm/,
    ],
    [
      'signed with the public key as a shared secret',
      () =>
        new SignJWT({ iss: oauth.issuer.issuer, aud: oauth.resource, sub: 'x', exp: now() + 60 })
          .setProtectedHeader({ alg: 'HS256', kid: oauth.issuer.kid })
          .sign(new TextEncoder().encode(JSON.stringify(oauth.issuer.publicKey))),
      /algorithm/,
    ],
    ['that is no JWT', () => 'opaque-token', /neither/],
    ['that is encrypted', () => 'e30.e30.e30.e30.e30', /neither|not valid/],
    ['that is huge', () => oauth.token({ claims: { filler: 'x'.repeat(9500) } }), /too long/],
    ['whose signature was changed', async () => `${(await oauth.token()).slice(0, -8)}AAAAAAAA`, /not valid/],
  ];

  it.each(BAD)(
    'an access token %s is refused with 401 and a challenge that leads to the issuer',
    async (_what, make, reason) => {
      const response = await http.stateless('tools/list', {}, { key: await make() });
      expect(response.status).toBe(401);
      const challenge = response.headers.get('www-authenticate') ?? '';
      expect(challenge).toMatch(/^Bearer .*error="invalid_token"/);
      expect(challenge).toContain(`resource_metadata="${oauth.metadataUrl}"`);
      expect(challenge).toMatch(reason);
      expect(await response.json()).toMatchObject({ error: { message: expect.stringMatching(reason) } });
    },
  );

  it('a request without credentials is challenged without an error code', async () => {
    const response = await fetch(oauth.app.url, { method: 'POST', body: JSON.stringify(rpc('ping')) });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="cyberun", resource_metadata="/);
  });
});

it('each user behind an access token has a rate, quotas and a number of sessions over all clients, and wrong tokens of an address hold back neither its users nor expired tokens', async () => {
  const settings = {
    CYBERUN_HTTP_RATE_PER_KEY: '2',
    CYBERUN_MCP_STREAMS_PER_KEY: '1',
    CYBERUN_MCP_SESSIONS_PER_KEY: '1',
    CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS: '1',
    CYBERUN_HTTP_TRUSTED_PROXIES: '127.0.0.1',
  };
  await using oauth = await OAuthApp.start({ settings });
  const http = new McpHttp(oauth.app);
  const headers = { 'X-Forwarded-For': '203.0.113.1' };
  const statusOf = async (key: string): Promise<number> =>
    (await http.stateless('tools/list', {}, { key, headers })).status;
  const tokenOf = (sub: string, jti: string): Promise<string> => oauth.token({ claims: { sub, jti } });
  const first = await tokenOf('ann', '1');
  expect([await statusOf(first), await statusOf(await tokenOf('ann', '2'))]).toEqual([200, 200]);
  expect(await statusOf(await tokenOf('ann', '3'))).toBe(429);
  const tokenAt = (sub: string, client_id: string): Promise<string> =>
    oauth.token({ claims: { sub, client_id } });
  expect(await statusOf(await tokenAt('ann', 'client-2'))).toBe(429);
  expect(await statusOf(await tokenOf('ben', '4'))).toBe(200);

  const notifications = { toolsListChanged: true };
  const subscribed = (key: string): Promise<Response> =>
    http.stateless('subscriptions/listen', { notifications }, { key, headers });
  const open = await subscribed(await tokenAt('dan', 'client-1'));
  const second = await subscribed(await tokenAt('dan', 'client-2'));
  expect([open.status, second.status]).toEqual([200, 429]);
  expect(await second.json()).toMatchObject({
    error: { message: expect.stringContaining('This key has 1 streams open here.') },
  });
  await open.body?.cancel();

  const statusOfOpening = async (sub: string, client: string): Promise<number> => {
    const clientInfo = { name: client, version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const key = await tokenAt(sub, client);
    return (await http.send('POST', rpc('initialize', params), { key, headers })).status;
  };
  expect(await statusOfOpening('eve', 'client-1')).toBe(200);
  expect(await statusOfOpening('eve', 'client-2')).toBe(429);
  expect(await statusOfOpening('fay', 'client-1')).toBe(200);

  const expired = await oauth.token({ expiresIn: -60 });
  expect([await statusOf(expired), await statusOf(expired)]).toEqual([401, 401]);
  const wrong = await oauth.issuer.token('https://other.example.com');
  expect([await statusOf(wrong), await statusOf(wrong)]).toEqual([401, 429]);
  // The address may try no more keys, and its users go on.
  expect(await statusOf('sk-guess-0123456789')).toBe(429);
  expect(await statusOf(expired)).toBe(401);
  expect(await statusOf(await tokenOf('cid', '5'))).toBe(200);
  const limited = await http.stateless('tools/list', {}, { key: first, headers });
  expect(await limited.json()).toMatchObject({
    error: { message: expect.stringContaining('This key has made more than 2 requests per minute.') },
  });
});

/** Each team has a tool that is named after it. */
@Injectable()
class TeamTools implements ToolSource {
  readonly toolset = 'team-tools';
  readonly asked: string[] = [];

  constructor(sources: ToolSources) {
    sources.add(this);
  }

  toolsFor({ key }: Caller): Promise<readonly KeyTool[]> {
    this.asked.push(key);
    const name = key === TEAM_KEY ? 'team_tool' : 'other_tool';
    const texts = { name, title: name, description: name, whenLost: '', origin: name };
    return Promise.resolve([
      { ...texts, inputSchema: { type: 'object' }, runs: 'nothing', argumentsOf: () => ({}) },
    ]);
  }
}

@Module({ imports: [McpModule], providers: [TeamTools] })
class TeamToolsModule {}

it('the tools of a key are looked up once for all its users and their clients, and no user of another key sees or calls them', async () => {
  // What is known of the tools stays fresh, however slow the machine is.
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  await using oauth = await OAuthApp.start({
    keys: [{ when: { team: 'other' }, key_file: 'other.key' }, { key_file: 'team.key' }],
    settings: { CYBERUN_MCP_TOOLSETS: 'team-tools' },
    modules: [TeamToolsModule],
  });
  const http = new McpHttp({ url: `${oauth.app.url}?toolsets=team-tools` });
  const toolsOf = async (claims: JWTPayload): Promise<string[]> => {
    const { tools } = await resultOf(
      await http.stateless('tools/list', {}, { key: await oauth.token({ claims }) }),
    );
    return tools.map(({ name }) => name).filter((name) => name.endsWith('_tool'));
  };
  expect(await toolsOf({ sub: 'ann' })).toEqual(['team_tool']);
  expect(await toolsOf({ sub: 'ann', client_id: 'second' })).toEqual(['team_tool']);
  expect(await toolsOf({ sub: 'ben' })).toEqual(['team_tool']);
  expect(await toolsOf({ sub: 'cid', team: 'other' })).toEqual(['other_tool']);
  expect(await toolsOf({ sub: 'ann', team: 'other' })).toEqual(['other_tool']);
  const key = await oauth.token({ claims: { sub: 'cid', team: 'other' } });
  const called = await http.stateless('tools/call', { name: 'team_tool', arguments: {} }, { key });
  expect(await called.json()).toMatchObject({ error: { message: 'Tool team_tool not found' } });
  expect(oauth.app.app.get(TeamTools, { strict: false }).asked).toEqual([TEAM_KEY, OTHER_KEY]);
});
