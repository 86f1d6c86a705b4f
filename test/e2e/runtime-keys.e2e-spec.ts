import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';

import { commandLine, startFailure } from '../../src/command-line.js';
import { CONFIG, type Config } from '../../src/config/index.js';
import { Database } from '../../src/runtime/database/index.js';
import { echoWorkflow, PretendAgent, RuntimeServer } from './runtime-support/runtime-fixture.js';

const mask = process.umask();

let server: RuntimeServer;
let config: Config;

beforeAll(async () => {
  server = await RuntimeServer.start(
    { 'echo.yaml': echoWorkflow('echo') },
    { env: { CYBERUN_LOGGER_LEVEL: 'warn' } },
  );
  config = server.app.get<Config>(CONFIG, { strict: false });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});
afterAll(async () => {
  process.umask(mask);
  await server[Symbol.asyncDispose]();
});

/** Runs a command as the program does, beside the server. */
async function command(...args: string[]): Promise<{ readonly out: string; readonly err: string }> {
  const written = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => (written.out += String(text)) !== '');
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => (written.err += String(text)) !== '');
  vi.stubEnv('CYBERUN_DATA_DIR', config.dataDir);
  vi.stubEnv('CYBERUN_DATABASE_URL', config.databaseUrl ?? '');
  try {
    await commandLine().parseAsync(args, { from: 'user' });
  } catch (error) {
    written.err += startFailure(error);
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
  return written;
}
async function newKey(...args: string[]): Promise<string> {
  const { out, err } = await command('keys', 'create', ...args);
  expect(err).toMatch(
    /^Key [\da-f-]{36} \(.*\)(?: of team \w+)? is shown this once; keep it\. It is good for /,
  );
  return out.trim();
}
/** The rows of a table without its titles, by cell. */
const rowsOf = (table: string): string[][] =>
  table
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/));

it('a team is made and listed, and its keys see and change only what is its own', async () => {
  expect((await command('teams', 'create', 'lab')).err).toContain('keys create --team lab');
  const ofLab = await newKey('--team', 'lab', '--name', 'first of the lab');
  const reader = await newKey('--team', 'lab', '--name', 'reader', '--read-only', '--expires-in-days', '3');
  const ofDefault = await newKey('--name', 'of the usual team');

  const teams = rowsOf((await command('teams', 'list')).out);
  expect(teams.map(([name, keys]) => [name, keys])).toEqual([
    ['default', '2'],
    ['lab', '2'],
  ]);
  const lab = rowsOf((await command('keys', 'list', '--team', 'lab')).out);
  expect(
    lab.map(([, , prefix, status, permissions, expires, team, name]) => [
      prefix,
      status,
      permissions,
      expires === 'never',
      team,
      name,
    ]),
  ).toEqual([
    [reader.slice(0, 12), 'active', 'read-only', false, 'lab', 'reader'],
    [ofLab.slice(0, 12), 'active', 'run,invoke', true, 'lab', 'first of the lab'],
  ]);
  const all = rowsOf((await command('keys', 'list')).out);
  expect(all.map(([, , , , , , team]) => team)).toEqual(['default', 'lab', 'lab', 'default']);

  const taskId = await server.submit('echo');
  const seen = async (path: string, key: string) => (await server.get(path, key)).status;
  expect([await seen(`/r/tasks/${taskId}`, ofDefault), await seen(`/r/tasks/${taskId}`, ofLab)]).toEqual([
    200, 404,
  ]);
  expect((await server.get('/r/workflows', ofLab)).body.workflow_list).toEqual([]);
  const [{ team_id: teamId } = { team_id: '' }] = await server.app
    .get(Database, { strict: false })
    .db.selectFrom('credential')
    .select('team_id')
    .where('display_name', '=', 'reader')
    .execute();
  expect(await new PretendAgent(server, teamId).claim(10)).toEqual([]);

  const [id = ''] = lab[0] ?? [];
  expect((await command('keys', 'revoke', id)).err).toBe(`Key ${id} is revoked.\n`);
  expect([await seen('/r/tasks', reader), await seen('/r/tasks', ofLab)]).toEqual([401, 200]);
  expect(rowsOf((await command('keys', 'list', '--team', 'lab')).out)[0]?.[3]).toBe('revoked');
});

it.each([
  [
    ['keys', 'create', '--team', 'nowhere'],
    'There is no team nowhere. Make it with: cyberun-mcp teams create',
  ],
  [['keys', 'list', '--team', 'nowhere'], 'There is no team nowhere.'],
  [['teams', 'create', 'default'], 'There is a team default already.'],
  [['teams', 'create', 'My Team'], 'The name of a team must be 1 to 63 lower-case letters'],
])('the command %j fails with one sentence', async (args, sentence) => {
  const { out, err } = await command(...args);
  expect(out).toBe('');
  expect(err).toContain(`cyberun-mcp: ${sentence}`);
  expect(err.trim()).not.toContain('\n');
});

it('a refused use of a key is one line of the log, with the beginning of the key, the team, the route and the reason', async () => {
  const reader = await newKey('--name', 'for the log', '--read-only');
  const agent = await newKey('--kind', 'agent', '--name', 'an agent');
  const expired = await newKey('--name', 'expired', '--expires-in-days', '1');
  const revoked = await newKey('--name', 'revoked');
  const { db } = server.app.get(Database, { strict: false });
  const past = new Date(Date.now() - 1000);
  await db
    .updateTable('credential')
    .set({ expires_at: past })
    .where('display_name', '=', 'expired')
    .execute();
  await db
    .updateTable('credential')
    .set({ revoked_at: past })
    .where('display_name', '=', 'revoked')
    .execute();
  const unknown = `sk-${'u'.repeat(43)}`;

  const logged: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => logged.push(String(text)) > 0);
  const id = '019abc12-8901-7890-abcd-ef1234567895';
  for (let times = 0; times < 20; times += 1) {
    expect((await server.call('POST', `/r/tasks/${id}/cancel`, undefined, reader)).status).toBe(403);
    expect((await server.get('/r/workflows/slug/echo', revoked)).status).toBe(401);
  }
  expect((await server.call('POST', '/r/files/presign', {}, reader)).status).toBe(403);
  for (const key of [agent, expired, unknown, 'a-password'])
    expect((await server.get('/r/tasks', key)).status).toBe(401);
  expect((await server.get('/r/tasks', null)).status).toBe(401);
  vi.restoreAllMocks();

  const begin = (key: string): string => `${key.slice(0, 12)}…`;
  const lines = logged.flatMap((text) => text.trim().split('\n')).map((line) => JSON.parse(line));
  expect(
    lines.map(({ message }) => [message.key_prefix, message.team, message.route, message.reason]),
  ).toEqual([
    [begin(reader), 'default', 'POST /api/v1/r/tasks/:id/cancel', 'without the permission run'],
    [begin(revoked), 'default', 'GET /api/v1/r/workflows/slug/:slug', 'revoked'],
    [begin(agent), 'default', 'GET /api/v1/r/tasks', 'not of the kind integration'],
    [begin(expired), 'default', 'GET /api/v1/r/tasks', 'expired'],
    [begin(unknown), undefined, 'GET /api/v1/r/tasks', 'unknown'],
    ['not a key', undefined, 'GET /api/v1/r/tasks', 'unknown'],
  ]);
  for (const key of [reader, agent, expired, revoked, unknown, 'a-password'])
    expect(logged.join('')).not.toContain(key);
});
