import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { Client } from 'pg';
import { request } from 'undici';

import { round } from '../budget.mjs';
import { disposable, startAll } from '../peers.mjs';
import { startPostgresql } from '../postgresql.mjs';
import { KEY } from '../protocol.mjs';
import { median, quantile } from '../statistics.mjs';

/** A full page, so that both databases answer with as many tasks. */
const FEW = 40;
const EVENTS = 7;
const FILL_BATCH = 10_000;
const CALLS = 100;
const ROUNDS_AT_ONCE = 20;
const AT_ONCE = 16;
const WARM_UP = 10;
const STARTS = 3;
const SLUG = 'nothing';
const DAY_MS = 86_400_000;
/** The tasks were made one after the other since then, so that none of them is old enough to be removed. */
const BEGUN = Date.now() - 20 * DAY_MS;
const STEP_MS = 15;
/** Its label keeps tasks in the queue: only the submission is measured. */
const WORKFLOW = `document:
  dsl: '1.0.0'
  namespace: bench
  name: ${SLUG}
  version: '1.0.0'
  title: Nothing
  summary: Never runs.
  metadata:
    labels: [nowhere]
do:
  - end:
      run:
        shell:
          command: 'true'
`;

/** What a client waits for with few and with many ended tasks. */
export async function growth({ tasks }) {
  const postgresql = await startPostgresql();
  try {
    const rows = [
      ...(await onDatabase('PGlite', tasks)),
      ...(await onDatabase('PostgreSQL', tasks, postgresql.url)),
    ];
    return {
      title: `embedded runtime with ${tasks} ended tasks of ${EVENTS} events, against ${FEW} such tasks; ms`,
      columns: ['what', 'few p50', 'many p50', 'ratio', 'few p99', 'many p99', 'ratio'],
      rows,
    };
  } finally {
    await postgresql.stop();
  }
}

async function onDatabase(name, tasks, url) {
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-bench-'));
  try {
    const start = await installation(folder, url);
    // The first start makes the tables.
    await (await start()).stop();
    console.log(`${name}: filling`);
    await fill(folder, url, { from: 1, to: FEW });
    const few = await measure(start);
    await fill(folder, url, { from: FEW + 1, to: tasks });
    const many = await measure(start);
    return Object.keys(few).map((what) => rowOf(`${name}: ${what}`, few[what], many[what]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function rowOf(what, few, many) {
  const pair = (read) => [round(read(few)), round(read(many)), (read(many) / read(few)).toFixed(2)];
  return [what, ...pair(median), ...pair((times) => quantile(times, 0.99))];
}

/** Id of the n-th task, as {@link TASKS} makes it. */
function idOf(n) {
  const hex = (BEGUN + n * STEP_MS).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

const TASKS = `insert into task (id, team_id, workflow_id, workflow_version, required_labels, task_status, parameters,
    submission, task_output, max_retries, attempt_count, last_sequence, agent_id, created_at, started_at, completed_at)
  select (substr(hex, 1, 8) || '-' || substr(hex, 9) || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    team_id, id, version, '{nowhere}', case when n % 10 = 0 then 'failed' else 'completed' end, '{"text": "hello"}',
    '{}', '{"said": "hello"}', 0, 1, ${EVENTS}, 'agent-1', moment, moment, moment
  from workflow, generate_series($1::bigint, $2::bigint) as n,
    lateral (select lpad(to_hex(${BEGUN} + n * ${STEP_MS}), 12, '0') as hex,
      to_timestamp((${BEGUN} + n * ${STEP_MS}) / 1000.0) as moment) as made
  where workflow_slug = '${SLUG}'`;
const EVENT_ROWS = `insert into task_event (task_id, team_id, sequence, event, data, created_at)
  select id, team_id, sequence, case when sequence < 4 then 'status' when sequence < ${EVENTS} then 'progress'
    else 'completed' end,
    json_build_object('task_id', id, 'message', 'step ' || sequence, 'timestamp', created_at), created_at
  from task, generate_series(1, ${EVENTS}) as sequence where id between $1::uuid and $2::uuid`;

/** Adds ended tasks as rows, without notifications. */
async function fill(folder, url, { from, to }) {
  const database = await open(folder, url);
  try {
    await database.query('alter table task_event disable trigger announce');
    for (let first = from; first <= to; first += FILL_BATCH) {
      const last = Math.min(to, first + FILL_BATCH - 1);
      await database.query(TASKS, [first, last]);
      await database.query(EVENT_ROWS, [idOf(first), idOf(last)]);
    }
    await database.query('alter table task_event enable trigger announce');
    // As autovacuum, and the runtime every hour on PGlite, do sooner or later.
    if (url !== undefined) await database.query('vacuum analyze');
    else await database.exec('begin; set local default_statistics_target = 10; analyze task; commit');
  } finally {
    await database.close();
  }
}

async function open(folder, url) {
  if (url === undefined) return PGlite.create(join(folder, 'data', 'database'));
  const client = new Client({ connectionString: url });
  await client.connect();
  return { query: (text, values) => client.query(text, values), close: () => client.end() };
}

/** Returns a function that starts the server on this folder. */
async function installation(folder, url) {
  const workflows = join(folder, 'workflows');
  const services = join(folder, 'services');
  await mkdir(workflows);
  await mkdir(services);
  await writeFile(join(workflows, `${SLUG}.yaml`), WORKFLOW);
  return () =>
    startAll(join(folder, 'data'), {
      CYBERUN_WORKFLOWS_DIR: workflows,
      CYBERUN_SERVICES_DIR: services,
      ...(url === undefined ? {} : { CYBERUN_DATABASE_URL: url }),
    });
}

async function measure(start) {
  const starts = [];
  while (starts.length < STARTS - 1) {
    const server = await start();
    starts.push(server.startMs);
    await server.stop();
  }
  await using product = disposable(await start());
  starts.push(product.server.startMs);
  const api = new Api(product.server.endpoint);
  return {
    'list, newest 20': await times(() => api.get('r/tasks?per_page=20')),
    'list, completed': await times(() => api.get('r/tasks?per_page=20&status=completed')),
    'list, of a workflow': await times(() => api.get(`r/tasks?per_page=20&workflow_slug=${SLUG}`)),
    'list, oldest by cursor': await times(() => api.get(`r/tasks?per_page=20&cursor=${idOf(30)}`)),
    [`list, ${AT_ONCE} at once`]: await times(
      () => Promise.all(Array.from({ length: AT_ONCE }, () => api.get('r/tasks?per_page=20'))),
      ROUNDS_AT_ONCE,
    ),
    get: await times(() => api.get(`r/tasks/${idOf(1)}`)),
    submit: await times(() => api.post(`r/workflows/slug/${SLUG}/run`)),
    'start to ready': starts,
  };
}

async function times(work, calls = CALLS) {
  for (let turn = 0; turn < WARM_UP; turn++) await work();
  const measured = [];
  while (measured.length < calls) {
    const startedAt = performance.now();
    await work();
    measured.push(performance.now() - startedAt);
  }
  return measured;
}

class Api {
  #base;

  constructor(endpoint) {
    this.#base = new URL('/api/v1/', endpoint);
  }

  get(path) {
    return this.#call('GET', path);
  }

  post(path) {
    return this.#call('POST', path, '{}');
  }

  async #call(method, path, body) {
    const headers = {
      authorization: `Bearer ${KEY}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    };
    const answer = await request(new URL(path, this.#base), { method, headers, body });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return JSON.parse(text);
  }
}
