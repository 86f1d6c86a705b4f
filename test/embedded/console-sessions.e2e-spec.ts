import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { CONFIG, type Config } from '../../src/config/index.js';
import { openKeyAdministration } from '../../src/runtime/index.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

/** What the scripts of the console send with every request. */
const OF_THE_CONSOLE = { 'cyberun-console': '1', 'sec-fetch-site': 'same-origin' };

let server: RuntimeServer;
let admin: string;

beforeAll(async () => {
  server = await RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') });
  await using keys = await openKeyAdministration(server.app.get<Config>(CONFIG, { strict: false }));
  const permissions = ['run', 'invoke', 'admin'];
  admin = (await keys.create({ kind: 'integration', display_name: 'admin', permissions })).raw_key;
});
afterAll(() => server[Symbol.asyncDispose]());

const send = (method: string, path: string, headers: Record<string, string>, body?: object) =>
  fetch(`${server.origin}/api/v1${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

/** Signs in, and returns the cookie as a browser sends it. */
async function signedIn(key = BOOTSTRAP_KEY): Promise<string> {
  const answer = await send('POST', '/session', OF_THE_CONSOLE, { key });
  expect(answer.status).toBe(204);
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

it('a key is exchanged for a cookie that no script can read and that does not contain it', async () => {
  const answer = await send('POST', '/session', OF_THE_CONSOLE, { key: ` ${BOOTSTRAP_KEY}\n` });
  expect([answer.status, await answer.text()]).toEqual([204, '']);
  const cookie = answer.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(
    /^cyberun_session_[0-9a-f]{8}=[\w-]+; Path=\/api\/v1; Max-Age=604800; HttpOnly; SameSite=Strict$/,
  );
  const sealed = /=([\w-]+);/.exec(cookie)?.[1] ?? '';
  expect(cookie).not.toContain(BOOTSTRAP_KEY);
  expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('sk-');
});

it('the cookie is as good as its key for requests of the console, and for no others', async () => {
  const cookie = await signedIn();
  const asked = async (headers: Record<string, string>, method = 'GET', path = '/r/tasks') =>
    (await send(method, path, { cookie, ...headers })).status;
  expect(await asked(OF_THE_CONSOLE)).toBe(200);
  expect(await asked({ 'cyberun-console': '1' }), 'a browser that does not say where from').toBe(200);
  expect(await asked({}), 'a link or a picture of any page').toBe(401);
  expect(await asked({ ...OF_THE_CONSOLE, 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await asked({ ...OF_THE_CONSOLE, 'sec-fetch-site': 'same-site' })).toBe(403);
  expect(await asked({ 'cyberun-console': '1', origin: 'https://evil.example.com' }, 'POST')).toBe(404);
  const run = '/r/workflows/slug/echo/run';
  expect(await asked({ 'cyberun-console': '1', origin: 'https://evil.example.com' }, 'POST', run)).toBe(403);
  expect(await asked({ 'cyberun-console': '1', origin: server.origin }, 'POST', run)).toBe(400);
});

it('a cookie that was changed, and one of another server, is no session', async () => {
  const cookie = await signedIn();
  const [name = '', value = ''] = cookie.split('=');
  const flipped = value.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A'));
  for (const wrong of [flipped, value.slice(4), '', 'A'.repeat(2000)]) {
    const answer = await send('GET', '/r/tasks', { cookie: `${name}=${wrong}`, ...OF_THE_CONSOLE });
    expect([wrong.length, answer.status]).toEqual([wrong.length, 401]);
  }
});

it('signing in fails with a reason for an invalid key, and from the page of another site', async () => {
  const unknown = await send('POST', '/session', OF_THE_CONSOLE, { key: 'sk-unknown-0123456789abc' });
  expect([unknown.status, await unknown.json()]).toEqual([
    401,
    { error_message: expect.stringContaining('not a valid integration key') },
  ]);
  const elsewhere = { ...OF_THE_CONSOLE, 'sec-fetch-site': 'cross-site' };
  expect((await send('POST', '/session', elsewhere, { key: BOOTSTRAP_KEY })).status).toBe(403);
  expect((await send('POST', '/session', {}, { key: BOOTSTRAP_KEY })).status).toBe(403);
});

it('signing out removes the cookie', async () => {
  const answer = await send('DELETE', '/session', { ...OF_THE_CONSOLE, cookie: await signedIn() });
  expect(answer.status).toBe(204);
  expect(answer.headers.get('set-cookie')).toMatch(/^cyberun_session_\w+=; Path=\/api\/v1; Max-Age=0;/);
});

it('any key may read what it is', async () => {
  const answer = await server.get('/credentials/current');
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({
    team: 'default',
    kind: 'integration',
    display_name: 'bootstrap',
    key_prefix: BOOTSTRAP_KEY.slice(0, 12),
    permissions: ['run', 'invoke'],
    expires_at: null,
  });
  expect(JSON.stringify(answer.body)).not.toContain(BOOTSTRAP_KEY);
});

it('only a key with the permission admin makes, lists and revokes keys, and a new one has it only by name', async () => {
  const wanted = { kind: 'integration', display_name: 'a colleague' };
  for (const [method, path, body] of [
    ['GET', '/credentials', undefined],
    ['POST', '/credentials', wanted],
    ['DELETE', '/credentials/01a203c5-33ab-7000-bc61-2d0781f6a0ce', undefined],
  ] as const)
    expect((await server.call(method, path, body)).body.error_message).toContain('permission "admin"');

  const made = await server.call('POST', '/credentials', wanted, admin);
  expect([made.status, made.body]).toEqual([
    201,
    {
      id: expect.any(String),
      kind: 'integration',
      key_prefix: expect.stringMatching(/^sk-/),
      raw_key: expect.stringMatching(/^sk-/),
    },
  ]);
  const { body: listed } = await server.call('GET', '/credentials?kind=integration', undefined, admin);
  expect(listed.credentials[0]).toMatchObject({
    ...wanted,
    id: made.body.id,
    permissions: ['run', 'invoke'],
  });
  expect(JSON.stringify(listed)).not.toContain(made.body.raw_key);

  const cookie = await signedIn(made.body.raw_key);
  expect((await server.call('DELETE', `/credentials/${made.body.id}`, undefined, admin)).status).toBe(204);
  expect((await server.get('/r/tasks', made.body.raw_key)).status).toBe(401);
  const session = await send('GET', '/r/tasks', { cookie, ...OF_THE_CONSOLE });
  expect(session.status, 'its session ends with it').toBe(401);
});

it.each([
  [{ kind: 'device', display_name: 'x' }, 'kind'],
  [{ kind: 'integration', display_name: ' ' }, '1 to 100 characters'],
  [{ kind: 'integration', display_name: 'x', permissions: ['fly'] }, '"fly" is not a permission'],
  [{ kind: 'agent', display_name: 'x', permissions: ['run'] }, 'agent keys have none'],
  [{ kind: 'integration', display_name: 'x', expires_in_days: 366 }, '1 to 365 days'],
  [{ kind: 'integration', display_name: 'x', raw_key: 'sk-mine' }, '"raw_key" is not a field'],
])('a key that cannot be made is refused with the reason: %j', async (wanted, reason) => {
  const { status, body } = await server.call('POST', '/credentials', wanted, admin);
  expect([status, body.error_message]).toEqual([400, expect.stringContaining(reason)]);
});

it('the console says how to build it while it is not built, and is absent where it is switched off', async () => {
  const built = await readFile(join(import.meta.dirname, '../../dist/web/console.html'), 'utf8').catch(
    () => undefined,
  );
  const redirect = await fetch(`${server.origin}/console`, { redirect: 'manual' });
  expect([redirect.status, redirect.headers.get('location')]).toEqual([308, 'console/']);
  const page = await fetch(`${server.origin}/console/`, { headers: { accept: 'text/html' } });
  expect(await page.text()).toBe(built ?? expect.stringContaining('npm run build'));
  expect((await fetch(`${server.origin}/console/assets/none.js`)).status).toBe(404);
  expect((await fetch(`${server.origin}/console/console.html`)).status).toBe(404);

  await using off = await RuntimeServer.start({}, { env: { CYBERUN_CONSOLE: 'off' } });
  const refused = await fetch(`${off.origin}/console/`);
  expect([refused.status, await refused.json()]).toEqual([
    404,
    { error_message: 'The console is switched off here: CYBERUN_CONSOLE is off.' },
  ]);
  const body = JSON.stringify({ key: BOOTSTRAP_KEY });
  const session = await fetch(`${off.origin}/api/v1/session`, {
    method: 'POST',
    headers: OF_THE_CONSOLE,
    body,
  });
  expect(session.status).toBe(404);
});
