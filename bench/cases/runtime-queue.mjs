import { checkBudget, round } from '../budget.mjs';
import { disposable } from '../peers.mjs';
import { Api } from '../runtime-api.mjs';
import { Installation, workflowOf } from '../runtime-installation.mjs';
import { SimulatedAgents } from '../simulated-agents.mjs';
import { median, quantile } from '../statistics.mjs';

const SLUG = 'waiting';
const FEW = 500;
const CLAIMED = 300;
const SUBMITTED = 100;
const SLOTS = 4;
const RATIO = 2;

/** What a claim and a submission cost while many tasks wait in the same queue. */
export async function queue({ databases, sizes }) {
  const found = [];
  for (const database of databases)
    for (const waiting of [FEW, sizes.waiting[database.name]]) found.push(await measure(database, waiting));
  return {
    title: `a long queue; one agent with ${SLOTS} slots that ends every run at once`,
    columns: ['database', 'waiting', 'claimed and completed/s', 'submit p50 ms', 'submit p99 ms'],
    rows: found.map(({ name, waiting, perSecond, submits }) => [
      name,
      String(waiting),
      round(perSecond),
      round(quantile(submits, 0.5)),
      round(quantile(submits, 0.99)),
    ]),
    budgets: databases.flatMap(({ name }) => ratios(found.filter((one) => one.name === name))),
  };
}

function ratios([few, many]) {
  const what = `${few.name}: with ${many.waiting} waiting tasks against ${few.waiting}`;
  const claims = few.perSecond / many.perSecond;
  const submits = median(many.submits) / median(few.submits);
  return [
    checkBudget(`${what}, time per claimed task`, `≤ ${RATIO}×`, `${round(claims)}×`, claims <= RATIO),
    checkBudget(`${what}, submit p50`, `≤ ${RATIO}×`, `${round(submits)}×`, submits <= RATIO),
  ];
}

async function measure({ name, url }, waiting) {
  const env = { CYBERUN_TEAM_TASKS_QUEUED: '1000000' };
  const workflows = { [SLUG]: workflowOf(SLUG, 'waiting') };
  await using installation = await Installation.make(workflows, await url(), env);
  await fill(installation, waiting);
  await using product = disposable(await installation.start('runtime'));
  const api = new Api(product.server.endpoint);
  const submits = [];
  while (submits.length < SUBMITTED) {
    const startedAt = performance.now();
    await api.submit(SLUG);
    submits.push(performance.now() - startedAt);
  }
  const perSecond = await claimSome(product.server, installation.agentKey());
  await api.close();
  return { name, waiting, perSecond, submits };
}

/** How many tasks an agent takes and ends in a second. */
async function claimSome({ endpoint }, key) {
  const { promise: enough, resolve } = Promise.withResolvers();
  let count = 0;
  let firstAt;
  const simulated = new SimulatedAgents(endpoint, key, async (write) => {
    firstAt ??= performance.now();
    if (++count === CLAIMED) resolve(performance.now());
    write({ type: 'completed', output: null, files: [] });
  });
  await simulated.connect(1, () => ['waiting'], SLOTS);
  const seconds = ((await enough) - firstAt) / 1000;
  await simulated.close();
  return CLAIMED / seconds;
}

/** Copies one waiting task, its event and its job. */
const COPIES = [
  `insert into task (id, team_id, workflow_id, workflow_version, required_labels, task_status, parameters, submission,
      submitted_by, queue_rank, max_retries, last_sequence, created_at)
    select gen_random_uuid(), team_id, workflow_id, workflow_version, required_labels, task_status, parameters,
      submission, submitted_by, n + 1, max_retries, last_sequence, created_at
    from task, generate_series(1, $1::integer - 1) as n`,
  `insert into task_event (task_id, team_id, sequence, event, data)
    select task.id, one.team_id, one.sequence, one.event, one.data from task, task_event as one
    where task.queue_rank > 1`,
  `insert into pgboss.job select copy.* from task, pgboss.job as one,
      jsonb_populate_record(null::pgboss.job,
        to_jsonb(one) || jsonb_build_object('id', task.id, 'priority', -task.queue_rank)) as copy
    where task.queue_rank > 1`,
];

async function fill(installation, waiting) {
  {
    await using product = disposable(await installation.start('runtime'));
    const api = new Api(product.server.endpoint);
    await api.submit(SLUG);
    await api.close();
  }
  const database = await installation.database();
  try {
    await database.query('alter table task_event disable trigger announce');
    for (const [index, text] of COPIES.entries()) await database.query(text, index === 0 ? [waiting] : []);
    await database.query('alter table task_event enable trigger announce');
    await database.query('analyze');
  } finally {
    await database.close();
  }
}
