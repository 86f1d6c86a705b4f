import { checkBudget, round } from '../budget.mjs';
import { disposable } from '../peers.mjs';
import { Api } from '../runtime-api.mjs';
import { Installation, workflowOf } from '../runtime-installation.mjs';
import { median, quantile } from '../statistics.mjs';

/** A full page, so that both databases answer with as many tasks. */
const FEW = 40;
const EVENTS = 7;
const FILL_BATCH = 10_000;
const CALLS = 100;
const ROUNDS_AT_ONCE = 40;
const AT_ONCE = 16;
const WARM_UP = 10;
const STARTS = 3;
const SLUG = 'nothing';
const DAY_MS = 86_400_000;
/** The tasks were made one after the other since then, so that none of them is old enough to be removed. */
const BEGUN = Date.now() - 20 * DAY_MS;
const STEP_MS = 15;
const RATIO = 2;
const START = 'start to ready';
/** Unchanged, apart from what the machine adds to a median of few starts. */
const START_RATIO = 1.25;

/** What a client waits for with few and with many ended tasks. */
export async function growth({ databases, tasks }) {
  const rows = [];
  const budgets = [];
  for (const database of databases) {
    const found = await onDatabase(database, tasks);
    rows.push(...found.rows);
    budgets.push(...found.budgets);
  }
  return {
    budgets,
    title: `embedded runtime with ${tasks} ended tasks of ${EVENTS} events, against ${FEW} such tasks; ms`,
    columns: ['what', 'few p50', 'many p50', 'ratio', 'few p99', 'many p99', 'ratio'],
    rows,
  };
}

async function onDatabase({ name, url }, tasks) {
  console.log(`${name}: filling`);
  await using few = await filled(await url(), FEW);
  await using many = await filled(await url(), tasks);
  const measured = await measure([few, many]);
  const pairs = measured.map(([what, [fewTimes, manyTimes]]) => ({
    what: `${name}: ${what}`,
    few: fewTimes,
    many: manyTimes,
  }));
  return { rows: pairs.map(rowOf), budgets: pairs.map(budgetOf) };
}

function budgetOf({ what, few, many }) {
  const isStart = what.endsWith(START);
  const [read, limit, figure] = isStart ? [median, START_RATIO, 'p50'] : [p99, RATIO, 'p99'];
  const measured = read(many) / read(few);
  return checkBudget(`${what}, ${figure}`, `≤ ${limit}×`, `${round(measured)}×`, measured <= limit);
}

function rowOf({ what, few, many }) {
  const pair = (read) => [round(read(few)), round(read(many)), (read(many) / read(few)).toFixed(2)];
  return [what, ...pair(median), ...pair(p99)];
}

const p99 = (times) => quantile(times, 0.99);

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

/** An installation with that many ended tasks. */
async function filled(url, tasks) {
  const installation = await Installation.make({ [SLUG]: workflowOf(SLUG, 'nowhere') }, url);
  // The first start makes the tables.
  await (await installation.start()).stop();
  await fill(installation, tasks);
  return installation;
}

/** Adds ended tasks as rows, without notifications. */
async function fill(installation, tasks) {
  const database = await installation.database();
  try {
    await database.query('alter table task_event disable trigger announce');
    for (let first = 1; first <= tasks; first += FILL_BATCH) {
      const last = Math.min(tasks, first + FILL_BATCH - 1);
      await database.query(TASKS, [first, last]);
      await database.query(EVENT_ROWS, [idOf(first), idOf(last)]);
    }
    await database.query('alter table task_event enable trigger announce');
    // As autovacuum, and the runtime every hour on PGlite, do sooner or later.
    if (installation.url !== undefined) await database.query('vacuum analyze');
    else await database.exec('begin; set local default_statistics_target = 10; analyze task; commit');
  } finally {
    await database.close();
  }
}

/** Of installations with few and with many tasks in turn, so that other load of the machine changes both alike. */
async function measure(installations) {
  const starts = await inTurn(installations, startTime, STARTS, 0);
  await using few = disposable(await installations[0].start());
  await using many = disposable(await installations[1].start());
  const apis = [few, many].map(({ server }) => new Api(server.endpoint));
  const list = (query) => (api) => api.get(`r/tasks?per_page=20${query}`);
  const calls = {
    'list, newest 20': list(''),
    'list, completed': list('&status=completed'),
    'list, of a workflow': list(`&workflow_slug=${SLUG}`),
    'list, oldest by cursor': list(`&cursor=${idOf(30)}`),
    [`list, ${AT_ONCE} at once`]: (api) => Promise.all(Array.from({ length: AT_ONCE }, () => list('')(api))),
    get: (api) => api.get(`r/tasks/${idOf(1)}`),
    // Its label keeps the tasks in the queue: only the submission is measured.
    submit: (api) => api.submit(SLUG),
  };
  const measured = [];
  for (const [what, call] of Object.entries(calls)) {
    const rounds = what.endsWith('at once') ? ROUNDS_AT_ONCE : CALLS;
    measured.push([what, await inTurn(apis, timed(call), rounds)]);
  }
  await Promise.all(apis.map((api) => api.close()));
  return [...measured, [START, starts]];
}

async function startTime(installation) {
  const server = await installation.start();
  await server.stop();
  return server.startMs;
}

const timed = (work) => async (api) => {
  const startedAt = performance.now();
  await work(api);
  return performance.now() - startedAt;
};

/** What `time` measures of each subject, one after the other, in so many rounds. */
async function inTurn(subjects, time, rounds, warmUp = WARM_UP) {
  const measured = subjects.map(() => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      const took = await time(subject);
      if (round >= 0) measured[index].push(took);
    }
  }
  return measured;
}
