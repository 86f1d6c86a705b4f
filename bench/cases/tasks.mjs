import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkBudget, round } from '../budget.mjs';
import { disposable, startAll } from '../peers.mjs';
import { call, STATELESS } from '../protocol.mjs';
import { quantile } from '../statistics.mjs';

const SLOTS = 4;
const WARM_UP = 5;
const WAITING_AT_ONCE = 32;
const BUDGET_MS = 50;
const BUDGET_PER_SECOND = 60;
const SLUG = 'nothing';
const WORKFLOW = `document:
  dsl: '1.0.0'
  namespace: bench
  name: ${SLUG}
  version: '1.0.0'
  title: Nothing
  summary: Ends at once.
do:
  - end:
      run:
        shell:
          command: 'true'
`;

/** A trivial process on the embedded runtime, submitted and awaited by MCP, as a client would. */
export async function tasks({ sizes }) {
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-bench-'));
  try {
    const workflows = join(folder, 'workflows');
    await mkdir(workflows);
    await writeFile(join(workflows, `${SLUG}.yaml`), WORKFLOW);
    const services = join(folder, 'services');
    await mkdir(services);
    await using product = disposable(
      await startAll(join(folder, 'data'), {
        CYBERUN_WORKFLOWS_DIR: workflows,
        CYBERUN_SERVICES_DIR: services,
        CYBERUN_AGENT_SLOTS: String(SLOTS),
      }),
    );
    return result(await measure(product.server, sizes));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure({ endpoint }, { tasksAlone, tasksTogether }) {
  for (let turn = 0; turn < WARM_UP; turn++) await runOne(endpoint);
  const alone = [];
  while (alone.length < tasksAlone) alone.push(await runOne(endpoint));
  const startedAt = performance.now();
  let next = 0;
  const together = [];
  await Promise.all(
    Array.from({ length: WAITING_AT_ONCE }, async () => {
      while (next++ < tasksTogether) together.push(await runOne(endpoint));
    }),
  );
  return { alone, together, perSecond: (tasksTogether * 1000) / (performance.now() - startedAt) };
}

/** Submits one task and follows it to its end; returns how long that took. */
async function runOne(endpoint) {
  const startedAt = performance.now();
  const { task_id } = await use(endpoint, 'run_workflow_by_slug', { workflow_slug: SLUG });
  const { task_status, task_error } = await use(endpoint, 'stream_task_events', { task_id });
  if (task_status !== 'completed') throw new Error(`task ${task_id} is ${task_status}: ${task_error}`);
  return performance.now() - startedAt;
}

const use = async (endpoint, name, args) =>
  (await call(endpoint, STATELESS, { method: 'tools/call', params: { name, arguments: args } }))
    .structuredContent;

function result({ alone, together, perSecond }) {
  const p50 = quantile(alone, 0.5);
  const row = (what, times, rate) => [
    what,
    String(times.length),
    round(quantile(times, 0.5)),
    round(quantile(times, 0.99)),
    rate,
  ];
  return {
    title: 'embedded runtime: submit to completed of `true`, over MCP',
    columns: ['load', 'tasks', 'p50 ms', 'p99 ms', 'tasks per s'],
    rows: [
      row('one at a time', alone, '–'),
      row(`${WAITING_AT_ONCE} waiting, ${SLOTS} slots`, together, round(perSecond)),
    ],
    budgets: [
      checkBudget('submit to completed, idle, p50', '≤ 50 ms', `${round(p50)} ms`, p50 <= BUDGET_MS),
      checkBudget('tasks per second with 4 slots', '≥ 60', round(perSecond), perSecond >= BUDGET_PER_SECOND),
    ],
    data: { alone, together, perSecond },
  };
}
