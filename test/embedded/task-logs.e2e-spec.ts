import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { TaskLog } from '../../src/contract/index.js';
import { Database } from '../../src/runtime/database/index.js';
import { Retention } from '../../src/runtime/retention/index.js';
import { until } from '../support/processes.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const LIMIT = 65_536;
const SECRET = 'pa55-word';

/** Two steps; the second has a secret that it writes in two pieces, and fails in its first run. */
const steps = (): string =>
  shellWorkflow('steps', 'echo one; echo two >&2; echo three', { retries: 1 }).concat(`  - second:
      run:
        shell:
          command: |
            printf 'login pa55'; sleep 0.2; echo '-word ok'
            [ "$CYBERUN_ATTEMPT" = 2 ] || exit 1
          environment: { LOGIN: ${SECRET} }
`);

let server: RuntimeServer;
let agent: TestAgent;

beforeAll(async () => {
  const held = (name: string): string =>
    `while [ ! -e "${server?.folder ?? ''}/${name}" ]; do sleep 0.05; done`;
  const env = {
    CYBERUN_TASKS_LOG_BYTES: String(LIMIT),
    CYBERUN_TASKS_LOG_DAYS: '5',
    CYBERUN_TEAM_LOG_BYTES: '1048576',
    CYBERUN_RUNS_RETRY_SECONDS: '0',
  };
  server = await RuntimeServer.start({ 'steps.yaml': steps() }, { env });
  const files = {
    'bar.yaml': shellWorkflow('bar', String.raw`printf 'begin\n 10%%\r 20%%\r100%%\nend\n'`),
    'fast.yaml': shellWorkflow('fast', 'seq 1 40000; sleep 0.1; echo last >&2'),
    'many.yaml': shellWorkflow(
      'many',
      [0, 1, 2]
        .map((part) => `seq ${6000 * part + 1} ${6000 * part + 6000}; ${held(`go-many-${part}`)}`)
        .join('; '),
    ),
    'live.yaml': shellWorkflow(
      'live',
      `echo begun; ${held('go-live')}; echo more; ${held('end-live')}; echo done >&2`,
    ),
    'stopped.yaml': shellWorkflow(
      'stopped',
      `trap 'echo stopping; exit 1' TERM; echo begun; sleep 300 & wait`,
    ),
    'quiet.yaml': shellWorkflow('quiet', 'true'),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(server.folder, name), text);
  agent = await TestAgent.start(server);
  await until(async () => (await server.get('/r/workflows/slug/quiet')).status === 200);
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const ended = async (slug: string): Promise<string> => {
  const id = await server.submit(slug, {});
  await server.events(id);
  return id;
};
const logOf = async (id: string, query = ''): Promise<TaskLog> =>
  (await server.get(`/r/tasks/${id}/logs${query}`)).body;
const textsOf = ({ log_list }: TaskLog): string[] => log_list.map(({ text }) => text);
const open = (id: string, query: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.origin}/api/v1/r/tasks/${id}/logs${query}`, {
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}`, ...headers },
  });
const db = () => server.app.get(Database, { strict: false }).db;

it('the log of a task has every line of every run, with its step, stream and time, and without secrets', async () => {
  const id = await ended('steps');
  const log = await logOf(id);
  const once = (attempt: number) => [
    [`${attempt}.1`, 'work', 'stdout', 'one'],
    [`${attempt}.2`, 'work', 'stderr', 'two'],
    [`${attempt}.3`, 'work', 'stdout', 'three'],
    [`${attempt}.4`, 'second', 'stdout', 'login [hidden] ok'],
  ];
  const sorted = log.log_list.toSorted((one, other) => one.text.localeCompare(other.text));
  expect(log.log_list.map(({ cursor }) => cursor)).toEqual(
    [...once(1), ...once(2)].map(([cursor]) => cursor),
  );
  // Two streams of a process have no order in common.
  const expected = [...once(1), ...once(2)].map(([cursor, ...rest]) => [Number(cursor?.[0]), ...rest]);
  expect(sorted.map(({ attempt, step, stream, text }) => [attempt, step, stream, text])).toEqual(
    expected.toSorted((one, other) => String(one[3]).localeCompare(String(other[3]))),
  );
  expect(Math.abs(Date.now() - Date.parse(log.log_list[0]?.timestamp ?? ''))).toBeLessThan(600_000);
  expect(log).toMatchObject({
    task_id: id,
    task_status: 'completed',
    page_meta: { next_cursor: '2.4', has_more: false },
  });
  expect(textsOf(await logOf(id, '?attempt=2&stream=stderr'))).toEqual(['two']);
  expect(textsOf(await logOf(id, '?contains=LOGIN'))).toEqual(['login [hidden] ok', 'login [hidden] ok']);
  expect(textsOf(await logOf(id, '?contains=pa55'))).toEqual([]);
  const rows = await db().selectFrom('task_log_chunk').select('text').where('task_id', '=', id).execute();
  expect(JSON.stringify(rows)).not.toMatch(/pa55|-word/);
  const { task_log } = (await server.get(`/r/tasks/${id}/result`)).body;
  expect(task_log.split('\n').toSorted()).toEqual(['', 'login [hidden] ok', 'one', 'three', 'two']);
});

it('a log is read page by page, by its end, or as text', async () => {
  const id = await ended('bar');
  const first = await logOf(id, '?limit=2');
  expect(textsOf(first)).toEqual(['begin', '100%']);
  expect(first.page_meta).toEqual({ next_cursor: '1.2', has_more: true });
  const second = await logOf(id, '?limit=2&cursor=1.2');
  expect(textsOf(second)).toEqual(['end']);
  expect(second.page_meta).toEqual({ next_cursor: '1.3', has_more: false });
  expect((await logOf(id, '?cursor=1.3')).page_meta).toEqual({ next_cursor: '1.3', has_more: false });
  const last = await logOf(id, '?tail=1');
  expect([textsOf(last), last.page_meta]).toEqual([['end'], { next_cursor: '1.3', has_more: false }]);
  expect(textsOf(await logOf(id, '?tail=1&contains=BEG'))).toEqual(['begin']);
  const text = await open(id, '', { accept: 'text/plain' });
  expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await text.text()).toBe('begin\n100%\nend\n');
  expect(await (await open(id, '?tail=2', { accept: 'text/plain' })).text()).toBe('100%\nend\n');
});

it('the log of a task without output is empty', async () => {
  const log = await logOf(await ended('quiet'));
  expect(log).toMatchObject({ log_list: [], page_meta: { next_cursor: null, has_more: false } });
});

it('a log keeps its last lines within its limit, and a note says how many are dropped', async () => {
  const id = await server.submit('many', {});
  for (const [index, end] of ['6000', '12000', '18000'].entries()) {
    await until(async () => textsOf(await logOf(id, '?tail=1'))[0] === end);
    await writeFile(join(server.folder, `go-many-${index}`), '');
  }
  await server.events(id);
  await until(async () => textsOf(await logOf(id, '?limit=1'))[0]?.startsWith('[The first ') ?? false);
  const text = await (await open(id, '', { accept: 'text/plain' })).text();
  const [note = '', ...lines] = text.trim().split('\n');
  const dropped = Number(
    /^\[The first (\d+) lines were dropped: at most 65536 bytes of log are kept of a task/.exec(note)?.[1],
  );
  expect(dropped).toBeGreaterThan(4000);
  expect(lines).toEqual(Array.from({ length: 18_000 - dropped }, (_, index) => String(dropped + index + 1)));
  expect(text.length).toBeLessThan(LIMIT);
  expect(text.length).toBeGreaterThan(LIMIT / 2);
});

it('a run that writes faster than its log is stored keeps its last lines, and a note says how many are missing', async () => {
  const text = await (await open(await ended('fast'), '', { accept: 'text/plain' })).text();
  const lines = text.trim().split('\n');
  const missing = lines.findIndex((line) => /^\[.*\d+ lines .*were dropped/.test(line));
  expect(missing).toBeGreaterThanOrEqual(0);
  expect(lines.slice(-2)).toEqual(['40000', 'last']);
  expect(text.length).toBeLessThan(2 * LIMIT);
});

it('a followed log begins with what is written, gets each line as it comes, and ends with the task', async () => {
  const id = await server.submit('live', {});
  const reader = (await open(id, '?follow=true')).body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const read = async (words: string): Promise<void> => {
    while (!text.includes(words)) text += (await reader?.read())?.value ?? '';
  };
  await read('"text":"begun"');
  await writeFile(join(server.folder, 'go-live'), '');
  await read('"text":"more"');
  const resumed = await open(id, '', { accept: 'text/event-stream', 'last-event-id': '1.1' });
  await writeFile(join(server.folder, 'end-live'), '');
  await read('event: end');
  expect(
    text
      .split('\n\n')
      .filter((block) => block.startsWith('id:'))
      .map((block) => block.split('\n')[0]),
  ).toEqual(['id: 1.1', 'id: 1.2', 'id: 1.3']);
  expect(text).toContain(`event: end\ndata: {"task_id":"${id}","task_status":"completed"}\n\n`);
  expect((await reader?.read())?.done).toBe(true);
  const rest = await resumed.text();
  expect([...rest.matchAll(/"text":"(\w+)"/g)].map(([, word]) => word)).toEqual(['more', 'done']);
});

it('a log has what a run writes while it is cancelled, also for its followers', async () => {
  const id = await server.submit('stopped', {});
  await until(async () => textsOf(await logOf(id)).includes('begun'));
  const followed = await open(id, '?follow=true');
  await server.call('POST', `/r/tasks/${id}/cancel`);
  expect(await followed.text()).toMatch(/"text":"begun".*"text":"stopping".*"task_status":"cancelled"/s);
});

it.each([
  [
    '?lines=5',
    '"lines" is not a field of the query, which takes cursor, tail, limit, stream, contains, attempt, follow.',
  ],
  ['?tail=0', 'tail must not be less than 1'],
  ['?tail=1001', 'tail must not be greater than 1000'],
  ['?limit=many', 'limit must not be greater than 1000'],
  ['?stream=stdin', 'stream must be one of the following values: stdout, stderr, system'],
  ['?contains=', 'contains must be longer than or equal to 1 characters'],
  ['?attempt=0', 'attempt must not be less than 1'],
  ['?follow=yes', 'follow must be true or false'],
  ['?cursor=5', 'cursor must be the next_cursor of a page of this log, or the cursor of a line'],
  ['?cursor=1.1&tail=5', 'tail counts from the end, cursor from a line: send one of the two'],
  ['?limit=1&tail=5', 'tail is the number of lines already: leave out limit'],
  ['?limit=1&follow=true', 'limit is for pages as JSON: leave it out, or use tail'],
])('a query of a log is refused with the reason: %s', async (query, reason) => {
  const { status, body } = await server.get(`/r/tasks/019abc12-9012-7890-abcd-ef1234567896/logs${query}`);
  expect([status, body.error_message]).toEqual([400, reason]);
});

it('a log needs a key and a task of its team, in every form', async () => {
  const id = await ended('quiet');
  expect((await server.get(`/r/tasks/${id}/logs`, null)).status).toBe(401);
  for (const query of ['', '?follow=true', '?tail=1'])
    expect((await server.get(`/r/tasks/019abc12-9012-7890-abcd-ef1234567896/logs${query}`)).status).toBe(404);
});

it('the sweep removes the log of a task that ended long enough ago, and says so in its place', async () => {
  const old = await ended('fast');
  const recent = await ended('fast');
  await sql`update task set completed_at = now() - interval '6 days' where id = ${old}`.execute(db());
  await server.app.get(Retention, { strict: false }).sweep();
  expect(textsOf(await logOf(old))).toEqual([
    '[The log was removed: it is kept for 5 days after the end of a task (CYBERUN_TASKS_LOG_DAYS)]',
  ]);
  expect(textsOf(await logOf(recent, '?tail=1000')).length).toBe(1000);
  await server.app.get(Retention, { strict: false }).sweep();
  expect((await server.get(`/r/tasks/${old}`)).body.task_status).toBe('completed');
});

it('the sweep removes the oldest logs of a team that has more than its limit, and says so in their place', async () => {
  const older = await ended('fast');
  const newer = await ended('fast');
  await sql`update task_log set bytes = 5000000 where task_id = ${older}`.execute(db());
  await server.app.get(Retention, { strict: false }).sweep();
  expect(textsOf(await logOf(older))).toEqual([
    '[The log was removed: at most 1048576 bytes of log are kept of a team (CYBERUN_TEAM_LOG_BYTES)]',
  ]);
  expect(textsOf(await logOf(newer, '?tail=1'))).toEqual(['last']);
});
