import { setTimeout as delay } from 'node:timers/promises';

import { checkBudget, mebibytes, round } from '../budget.mjs';
import { disposable } from '../peers.mjs';
import { Api } from '../runtime-api.mjs';
import { Installation, workflowOf } from '../runtime-installation.mjs';
import { SimulatedAgents } from '../simulated-agents.mjs';

const LABEL_SETS = 50;
const FEW_AGENTS = 10;
const SUBMITTING_AT_ONCE = 16;
/** What happens every few seconds happens in it. */
const IDLE_MS = 6000;
const LOOK_MS = 100;
/** Of idle statements, with many agents against few. */
const IDLE_RATIO = 1.5;

const slugOf = (index) => `set-${index % LABEL_SETS}`;
const workflows = Object.fromEntries(
  Array.from({ length: LABEL_SETS }, (_, index) => [slugOf(index), workflowOf(slugOf(index), slugOf(index))]),
);

/** Many agents of many label sets that end every run at once: what their connections and their claims cost. */
export async function agents({ databases, sizes }) {
  const found = [];
  for (const database of databases)
    for (const count of [FEW_AGENTS, sizes.agents]) found.push(await measure(database, count, sizes));
  return {
    title: `simulated agents over ${LABEL_SETS} label sets (${FEW_AGENTS} agents: over ${FEW_AGENTS}), which end every run at once`,
    columns: [
      'database',
      'agents',
      'connected in s',
      'statements per agent',
      'idle statements/s',
      'idle CPU %',
      'tasks/s',
      'statements per task',
      'RSS MiB',
    ],
    rows: found.map((one) => [
      one.name,
      String(one.agents),
      round(one.connectSeconds),
      countOf(one.perAgent),
      countOf(one.idle),
      round(one.idleCpu * 100),
      round(one.perSecond),
      countOf(one.perTask),
      mebibytes(one.memory),
    ]),
    budgets: databases.flatMap(({ name }) =>
      idleBudget(
        name,
        found.filter((one) => one.name === name),
      ),
    ),
  };
}

const countOf = (value) => (value === undefined ? '–' : round(value));

function idleBudget(name, [few, many]) {
  if (few.idle === undefined) return [];
  const ratio = many.idle / few.idle;
  return [
    checkBudget(
      `${name}: idle statements with ${many.agents} agents against ${few.agents}`,
      `≤ ${IDLE_RATIO}×`,
      `${round(ratio)}×`,
      ratio <= IDLE_RATIO,
    ),
  ];
}

async function measure({ name, url }, count, { claimedTasks }) {
  await using installation = await Installation.make(workflows, await url());
  await using product = disposable(await installation.start('runtime'));
  const { server } = product;
  const statements = await statementCounter(installation);
  const key = installation.agentKey();
  const simulated = new SimulatedAgents(server.endpoint, key);
  const api = new Api(server.endpoint);
  const connected = await spent(statements, async () => {
    await simulated.connect(count, (index) => [slugOf(index), 'simulated']);
    while ((await api.get('r/agents?per_page=1')).page_meta.total_count < count) await delay(LOOK_MS);
  });
  await delay(IDLE_MS / 5);
  const cpuBefore = await server.ask('cpu');
  const idle = await spent(statements, () => delay(IDLE_MS));
  const idleCpu = ((await server.ask('cpu')) - cpuBefore) / 1000 / idle.ms;
  const busy = await spent(statements, () => runAll(api, Math.min(count, LABEL_SETS), claimedTasks));
  const memory = server.residentMemory().now;
  await api.close();
  await simulated.close();
  await statements?.close();
  return {
    name,
    agents: count,
    connectSeconds: connected.ms / 1000,
    perAgent: perOne(connected, count),
    idle: perOne(idle, idle.ms / 1000),
    idleCpu,
    perSecond: (claimedTasks * 1000) / busy.ms,
    perTask: perOne(busy, claimedTasks),
    memory,
  };
}

const perOne = ({ statements }, count) => (statements === undefined ? undefined : statements / count);

async function runAll(api, labelSets, tasks) {
  let next = 0;
  const runSome = async () => {
    while (next < tasks) await api.completed(await api.submit(slugOf(next++ % labelSets)));
  };
  await Promise.all(Array.from({ length: SUBMITTING_AT_ONCE }, runSome));
}

/** Statements that PostgreSQL has executed so far; PGlite does not count them. */
async function statementCounter(installation) {
  if (installation.url === undefined) return undefined;
  const database = await installation.database();
  const text = `select coalesce(sum(calls), 0)::float8 as calls from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())`;
  return { read: async () => (await database.query(text)).rows[0].calls, close: () => database.close() };
}

async function spent(counter, work) {
  const before = await counter?.read();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  return { ms, statements: counter && (await counter.read()) - before };
}
