import {
  Client as ClientOfV2,
  StreamableHTTPClientTransport as TransportOfV2,
} from '@modelcontextprotocol/client';
import { Client as ClientOfV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOfV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Module } from '@nestjs/common';
import { McpController, Tool } from '@rekog/mcp-nest';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { AnswersWithTask, RequiresPermission } from '../../src/mcp/index.js';
import { BackgroundTasks } from './fixtures/background-tasks.js';
import { AuthorizationServer } from '../support/authorization-server.js';
import { ConsentingBrowser } from '../support/consenting-browser.js';
import { KEY } from '../support/mcp-app.js';
import { allOf, call, ENVELOPE, McpHttp, MODERN, resultOf, rpc } from '../support/mcp-http.js';
import { OAuthApp, OTHER_KEY, TEAM_KEY } from '../support/oauth-app.js';
import { until } from '../support/processes.js';

const SCOPES = { access: ['cyberun', 'cyberun.all'], run: ['cyberun.run', 'cyberun.all'] };
const GUARDED = { name: 'guarded', arguments: {} };

afterEach(() => vi.useRealTimers());

/** Moves the clock of server and issuer, which are in this process. */
function later(seconds: number): void {
  const now = Date.now() + seconds * 1000;
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(now);
}

@McpController()
class PermittedTasks {
  @RequiresPermission('run')
  @AnswersWithTask(BackgroundTasks)
  @Tool({ name: 'permitted_task', description: 'May answer with a task' })
  permittedTask(): object {
    return {};
  }

  @RequiresPermission('invoke')
  @Tool({ name: 'invoking', description: 'Needs another permission' })
  invoking(): object {
    return {};
  }
}

@Module({ controllers: [PermittedTasks], providers: [BackgroundTasks] })
class PermittedTasksModule {}

describe('where OAuth is configured', () => {
  let oauth: OAuthApp;
  let http: McpHttp;

  beforeAll(async () => {
    oauth = await OAuthApp.start({
      file: {
        scopes: { ...SCOPES, invoke: ['cyberun.invoke', 'cyberun.write'] },
        documentation: 'https://docs.example.com',
      },
      modules: [PermittedTasksModule],
    });
    http = new McpHttp(oauth.app);
  });
  afterAll(() => oauth[Symbol.asyncDispose]());

  const tokenWith = (scope: string, claims = {}): Promise<string> =>
    oauth.token({ claims: { scope, ...claims } });

  it.each(['', '/', '/api/v1/mcp'])(
    'the metadata of the resource is at the well-known path%s',
    async (end) => {
      const response = await fetch(`${oauth.app.origin}/.well-known/oauth-protected-resource${end}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(await response.json()).toEqual({
        resource: oauth.resource,
        resource_name: 'Cyberun MCP',
        authorization_servers: [oauth.issuer.issuer],
        scopes_supported: ['cyberun', 'cyberun.run', 'cyberun.invoke'],
        bearer_methods_supported: ['header'],
        resource_documentation: 'https://docs.example.com',
      });
    },
  );

  it('a page of any origin may ask for the metadata, which nothing changes', async () => {
    const headers = {
      Origin: 'https://app.example.com',
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'mcp-protocol-version',
    };
    const preflight = await fetch(oauth.metadataUrl, { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('mcp-protocol-version');
    const post = await fetch(oauth.metadataUrl, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });

  it.each([
    '/register',
    '/authorize',
    '/token',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration/api/v1/mcp',
    '/.well-known/oauth-protected-resource/other',
  ])('%s gets a 404 that names the issuer', async (path) => {
    const response = await fetch(`${oauth.app.origin}${path}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error_description: expect.stringContaining(`Sign in at ${oauth.issuer.issuer}`),
    });
  });

  it('a session belongs to a user and a client, not to one token', async () => {
    const first = await tokenWith('cyberun');
    const session = await new McpHttp(oauth.app, first).open();
    const statusFor = async (key: string): Promise<number> =>
      (await http.ask(session, rpc('ping'), { key })).status;
    expect(await statusFor(await tokenWith('cyberun cyberun.run'))).toBe(200);
    expect(await statusFor(await tokenWith('cyberun', { sub: 'user-2' }))).toBe(404);
    expect(await statusFor(await tokenWith('cyberun', { client_id: 'client-2' }))).toBe(404);
    expect(await statusFor(KEY)).toBe(404);
    expect(await statusFor(TEAM_KEY)).toBe(404);
  });

  it('a token without the scope of every request is refused with 403, which names that scope', async () => {
    const response = await http.stateless('tools/list', {}, { key: await tokenWith('email') });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer realm="cyberun", error="insufficient_scope", resource_metadata="${oauth.metadataUrl}", scope="cyberun", error_description="The access token lacks the scope cyberun."`,
    );
  });

  const challengeIn = (response: Response): unknown[] => [
    response.status,
    response.headers.get('www-authenticate'),
  ];
  /** More is asked for than was granted: the scope of the permission run. */
  const NEEDS_RUN = [403, expect.stringMatching(/error="insufficient_scope".+scope="cyberun cyberun\.run"/)];

  it('a call that needs a further scope is refused with 403, in every revision and in a batch', async () => {
    const key = await tokenWith('cyberun');
    expect(challengeIn(await http.stateless('tools/call', GUARDED, { key }))).toEqual(NEEDS_RUN);
    const mine = new McpHttp(oauth.app, key);
    const refused = await mine.ask(await mine.open(), call('guarded', {}, 7));
    expect(challengeIn(refused)).toEqual(NEEDS_RUN);
    expect(await refused.json()).toMatchObject({ id: 7, error: { code: -32000 } });
    const batch = [rpc('ping', undefined, 1), call('guarded', {}, 2)];
    expect(challengeIn(await mine.ask(await mine.open({}, '2025-03-26'), batch))).toEqual(NEEDS_RUN);
    expect((await http.stateless('tools/list', {}, { key })).status).toBe(200);
  });

  it('the challenge for a further scope also names the scopes that the token has, so that the client keeps them', async () => {
    const key = await tokenWith('cyberun cyberun.write email');
    const [status, challenge] = challengeIn(await http.stateless('tools/call', GUARDED, { key }));
    expect(status).toBe(403);
    expect(challenge).toContain(' scope="cyberun cyberun.run cyberun.write",');
    expect(challenge).toContain('lacks the scope cyberun.run.');
  });

  it.each(['cyberun cyberun.run', 'cyberun.all'])('a call goes through with the scopes %s', async (scope) => {
    const answer = await http.stateless('tools/call', GUARDED, { key: await tokenWith(scope) });
    expect(await resultOf(answer)).toMatchObject({ structuredContent: { ok: true } });
  });

  it.each(['tasks/cancel', 'tasks/update'])(
    '%s needs the scope of the tools that create tasks, in every form of the message',
    async (method) => {
      const key = await tokenWith('cyberun');
      const params = { taskId: 'background.1', inputResponses: {} };
      expect(challengeIn(await http.stateless(method, params, { key }))).toEqual(NEEDS_RUN);
      const odd = { ...rpc(method, { ...params, _meta: ENVELOPE }), extra: true };
      const headers = { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': method, 'Mcp-Name': 'background.1' };
      expect(challengeIn(await http.send('POST', odd, { key, headers }))).toEqual(NEEDS_RUN);
    },
  );

  it('streams end when their access token expires, and a newer token opens them again', async () => {
    // The leeway of the clocks is thirty seconds.
    const short = { expiresIn: -28, claims: { scope: 'cyberun' } };
    const mine = new McpHttp(oauth.app, await oauth.token(short));
    const session = await mine.open();
    const stream = await mine.listen(session);
    const subscription = await mine.stateless('subscriptions/listen', {
      notifications: { toolsListChanged: true },
    });
    expect([stream.status, subscription.status]).toEqual([200, 200]);
    expect(await allOf(stream)).toEqual([]);
    expect(await allOf(subscription)).toMatchObject([{ method: 'notifications/subscriptions/acknowledged' }]);
    expect((await mine.ask(session, rpc('ping'))).status).toBe(401);
    const leave = new AbortController();
    const { signal } = leave;
    const again = await http.listen(session, { key: await tokenWith('cyberun'), signal });
    expect(again.status).toBe(200);
    leave.abort();
  });

  it('streams end when the runtime refuses the key of a team, and the client is not sent to sign in', async () => {
    const key = await tokenWith('cyberun');
    const mine = new McpHttp(oauth.app, key);
    const session = await mine.open();
    const stream = await mine.listen(session);
    oauth.runtime.refuse(TEAM_KEY);
    expect(await allOf(stream)).toEqual([]);
    const response = await mine.ask(session, rpc('ping'));
    expect(response.status).toBe(503);
    expect(response.headers.get('www-authenticate')).toBeNull();
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining('Ask the operator') },
    });
    later(6);
    expect((await mine.ask(session, rpc('ping'))).status).toBe(200);
  });

  it('neither tokens nor keys are logged', async () => {
    expect(oauth.app.log.text).not.toContain('sk-team');
    expect(oauth.app.log.text).not.toContain('eyJ');
  });
});

describe('the keys of an issuer', () => {
  it('the keys of an issuer are read again for a new one, at most every thirty seconds, and a withdrawn one is refused', async () => {
    await using oauth = await OAuthApp.start();
    const http = new McpHttp(oauth.app);
    const statusFor = async (key: string): Promise<number> =>
      (await http.stateless('tools/list', {}, { key })).status;
    const old = await oauth.token();
    expect(await statusFor(old)).toBe(200);
    await oauth.issuer.rotate();
    const renewed = await oauth.token();
    expect(await statusFor(renewed)).toBe(401);
    later(31);
    expect(await statusFor(renewed)).toBe(200);
    later(61);
    expect(await statusFor(old)).toBe(401);
    expect(oauth.issuer.requests.filter((request) => request === 'GET /keys')).toHaveLength(3);
  });

  it('the known keys of an issuer are used while it does not answer; before they are known, requests get 503', async () => {
    await using oauth = await OAuthApp.start();
    const http = new McpHttp(oauth.app);
    const statusFor = async (key: string): Promise<number> =>
      (await http.stateless('tools/list', {}, { key })).status;
    const key = await oauth.token({ expiresIn: 7200 });
    oauth.issuer.isBroken = true;
    const away = await http.stateless('tools/list', {}, { key });
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await statusFor(KEY)).toBe(200);
    oauth.issuer.isBroken = false;
    later(4);
    expect(await statusFor(key)).toBe(200);
    oauth.issuer.isBroken = true;
    later(660);
    expect(await statusFor(key)).toBe(200);
    later(3700);
    expect(await statusFor(await oauth.token())).toBe(503);
  });

  it('the keys of an issuer are found by the metadata of OpenID Connect, too', async () => {
    await using oauth = await OAuthApp.start();
    oauth.issuer.metadataPath = '/.well-known/openid-configuration';
    const http = new McpHttp(oauth.app);
    expect((await http.stateless('tools/list', {}, { key: await oauth.token() })).status).toBe(200);
  });

  it('keys are not taken from metadata of another issuer, and no token causes a request to an issuer that is not configured', async () => {
    await using other = await AuthorizationServer.start();
    await using oauth = await OAuthApp.start({
      issuers: [{ issuer: `${other.issuer}/tenant`, keys: [{ key_file: 'other.key' }] }],
    });
    other.metadataPath = '/.well-known/oauth-authorization-server/tenant';
    const http = new McpHttp(oauth.app);
    const key = await other.token(oauth.resource, { claims: { iss: `${other.issuer}/tenant` } });
    expect((await http.stateless('tools/list', {}, { key })).status).toBe(503);
    expect(other.requests).not.toContain('GET /keys');
    const unknown = await other.token(oauth.resource);
    expect((await http.stateless('tools/list', {}, { key: unknown })).status).toBe(401);
    expect(oauth.issuer.requests).toEqual([]);
  });

  it('the keys of an issuer are read from jwks_uri, without discovery, where it is configured', async () => {
    await using issuer = await AuthorizationServer.start();
    await using oauth = await OAuthApp.start({
      issuers: [
        { issuer: issuer.issuer, jwks_uri: `${issuer.issuer}/keys`, keys: [{ key_file: 'other.key' }] },
      ],
    });
    const key = await issuer.token(oauth.resource);
    expect((await new McpHttp(oauth.app).stateless('tools/list', {}, { key })).status).toBe(200);
    expect(issuer.requests).toEqual(['GET /keys']);
    expect(oauth.runtime.validatedKeys).toEqual([OTHER_KEY]);
  });
});

describe('the rules for keys', () => {
  const keys = [
    { when: { 'realm_access.roles': ['admin', 'lab'] }, key_file: 'other.key' },
    { when: { groups: 'image-lab', email_verified: true }, key_file: 'team.key' },
  ];

  it('a token gets the key of the first rule that it meets, and one that meets none is refused', async () => {
    await using oauth = await OAuthApp.start({ keys });
    const http = new McpHttp(oauth.app);
    const send = async (claims: Record<string, unknown>): Promise<Response> =>
      http.stateless('tools/list', {}, { key: await oauth.token({ claims }) });
    const member = { groups: ['image-lab', 'x'], email_verified: true };
    expect((await send(member)).status).toBe(200);
    expect((await send({ ...member, realm_access: { roles: ['lab'] } })).status).toBe(200);
    expect(oauth.runtime.validatedKeys).toEqual([TEAM_KEY, OTHER_KEY]);
    const none = await send({ groups: ['image-lab'], email_verified: 'true' });
    expect(none.status).toBe(403);
    expect(none.headers.get('www-authenticate')).toBeNull();
    expect(await none.json()).toMatchObject({ error: { message: expect.stringContaining('no team') } });
  });

  it('the rules are read again when the file or a key changes, and stay in use while the file is not valid', async () => {
    await using oauth = await OAuthApp.start({ limits: { oauthCheckMs: 20 } });
    const http = new McpHttp(oauth.app);
    const key = await oauth.token();
    const uses = async (wanted: string): Promise<void> =>
      until(async () => {
        await http.stateless('tools/list', {}, { key });
        return oauth.runtime.validatedKeys.includes(wanted);
      });
    await uses(TEAM_KEY);
    oauth.write('team.key', 'sk-renewed-0123456789abcdefghij');
    await uses('sk-renewed-0123456789abcdefghij');
    oauth.write('oauth.yaml', 'issuers: []');
    await until(() => Promise.resolve(oauth.app.log.text.includes('issuers must not be empty')));
    expect((await http.stateless('tools/list', {}, { key })).status).toBe(200);
    oauth.rewrite({ keys: [{ key_file: 'other.key' }] });
    await uses(OTHER_KEY);
    // It was read several times.
    expect(oauth.app.log.text.match(/issuers must not be empty/g)).toHaveLength(1);
    expect(oauth.app.log.text).not.toContain('sk-renewed');
  });

  it('the start fails when scopes limit a permission that no tool needs', async () => {
    await expect(OAuthApp.start({ file: { scopes: { runn: 'cyberun.run' } } })).rejects.toThrow(
      /"runn", which is no permission of a tool\. There are: access, run\./,
    );
  });
});

interface Host {
  connect(browser: ConsentingBrowser): Promise<void>;
  call(): Promise<unknown>;
  finish(code: string): Promise<void>;
}

const IDENTITY = { name: 'host', version: '1' };

function hostOfV2(url: string, options: ConstructorParameters<typeof ClientOfV2>[1]): Host {
  let client = new ClientOfV2(IDENTITY, options);
  let transport: TransportOfV2 | undefined;
  return {
    connect: async (authProvider) => {
      client = new ClientOfV2(IDENTITY, options);
      transport = new TransportOfV2(new URL(url), { authProvider });
      await client.connect(transport);
    },
    call: () => client.callTool(GUARDED),
    finish: async (code) => await transport?.finishAuth(code),
  };
}

function hostOfV1(url: string): Host {
  let client = new ClientOfV1(IDENTITY);
  let transport: TransportOfV1 | undefined;
  return {
    connect: async (browser) => {
      client = new ClientOfV1(IDENTITY);
      transport = new TransportOfV1(new URL(url), { authProvider: browser });
      await client.connect(transport);
    },
    call: () => client.callTool(GUARDED),
    finish: async (code) => await transport?.finishAuth(code),
  };
}

const HOSTS: readonly (readonly [name: string, make: (url: string) => Host])[] = [
  ['@modelcontextprotocol/sdk', hostOfV1],
  ['@modelcontextprotocol/client', (url) => hostOfV2(url, {})],
  [
    '@modelcontextprotocol/client, for 2026-07-28,',
    (url) => hostOfV2(url, { versionNegotiation: { mode: 'auto' } }),
  ],
];

it.each(HOSTS)(
  'with %s a user signs in by the challenge alone, and agrees to more when a call needs it',
  async (_name, make) => {
    await using oauth = await OAuthApp.start({ file: { scopes: SCOPES } });
    const host = make(oauth.app.url);
    const browser = new ConsentingBrowser();
    await expect(host.connect(browser)).rejects.toThrow(/unauthorized/i);
    await host.finish(await browser.agree());
    await host.connect(browser);

    await expect(host.call()).rejects.toThrow(/unauthorized/i);
    await host.finish(await browser.agree());
    expect(await host.call()).toMatchObject({ structuredContent: { ok: true } });

    const [first = '', second = ''] = oauth.issuer.askedScopes;
    expect(first).toBe('cyberun');
    expect(second.split(' ').toSorted()).toEqual(['cyberun', 'cyberun.run']);
    expect(new Set(oauth.runtime.validatedKeys)).toEqual(new Set([TEAM_KEY]));
  },
);
