import { checkBudget, round } from '../budget.mjs';
import { disposable } from '../peers.mjs';
import { Api } from '../runtime-api.mjs';
import { Installation, workflowOf } from '../runtime-installation.mjs';
import { quantile } from '../statistics.mjs';

const SLUG = 'nothing';
const WARM_UP = 10;
const WAITING_AT_ONCE = 32;
const FEW_SLOTS = 4;
const MANY_SLOTS = 16;
const BUDGET_MS = 50;
const BUDGET_PER_SECOND = 60;

/** A process that ends at once, submitted and followed by REST, with the agent that role `all` starts. */
export async function tasks({ databases, sizes }) {
  const found = [];
  for (const database of databases) {
    const few = await measure(database, FEW_SLOTS, sizes);
    const many = await measure(database, MANY_SLOTS, sizes);
    found.push({ name: database.name, alone: few.alone, few, many });
  }
  return {
    title: 'submit to completed of the program `true`',
    columns: [
      'database',
      'idle p50 ms',
      'idle p99 ms',
      `tasks/s, ${FEW_SLOTS} slots`,
      `tasks/s, ${MANY_SLOTS} slots`,
      'CPU ms of the server per task',
    ],
    rows: found.map(({ name, alone, few, many }) => [
      name,
      round(quantile(alone, 0.5)),
      round(quantile(alone, 0.99)),
      round(few.perSecond),
      round(many.perSecond),
      round(few.cpuMs),
    ]),
    budgets: found.flatMap(({ name, alone, few }) => budgets(name, quantile(alone, 0.5), few.perSecond)),
    data: found,
  };
}

const budgets = (name, p50, perSecond) => [
  checkBudget(`${name}: submit to completed, idle, p50`, '≤ 50 ms', `${round(p50)} ms`, p50 <= BUDGET_MS),
  checkBudget(
    `${name}: tasks per second with ${FEW_SLOTS} slots`,
    '≥ 60',
    round(perSecond),
    perSecond >= BUDGET_PER_SECOND,
  ),
];

async function measure({ url }, slots, { tasksAlone, tasksTogether }) {
  const workflows = { [SLUG]: workflowOf(SLUG, 'local') };
  await using installation = await Installation.make(workflows, await url(), {
    CYBERUN_AGENT_SLOTS: String(slots),
  });
  await using product = disposable(await installation.start());
  const api = new Api(product.server.endpoint);
  for (let turn = 0; turn < WARM_UP; turn++) await runOne(api);
  const alone = [];
  while (alone.length < tasksAlone) alone.push(await runOne(api));
  const cpuBefore = await product.server.ask('cpu');
  const startedAt = performance.now();
  let next = 0;
  const runSome = async () => {
    while (next++ < tasksTogether) await runOne(api);
  };
  await Promise.all(Array.from({ length: WAITING_AT_ONCE }, runSome));
  const seconds = (performance.now() - startedAt) / 1000;
  const cpuMs = ((await product.server.ask('cpu')) - cpuBefore) / 1000 / tasksTogether;
  await api.close();
  return { alone, perSecond: tasksTogether / seconds, cpuMs };
}

async function runOne(api) {
  const startedAt = performance.now();
  await api.completed(await api.submit(SLUG));
  return performance.now() - startedAt;
}
