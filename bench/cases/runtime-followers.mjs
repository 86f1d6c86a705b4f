import { setTimeout as delay } from 'node:timers/promises';

import { checkBudget, mebibytes, round } from '../budget.mjs';
import { disposable } from '../peers.mjs';
import { Api } from '../runtime-api.mjs';
import { Installation, workflowOf } from '../runtime-installation.mjs';
import { SimulatedAgents } from '../simulated-agents.mjs';
import { quantile } from '../statistics.mjs';

const SLUG = 'watched';
const FOLLOWERS_PER_TASK = 10;
/** pending, queued, running and completed. */
const STATES = 4;
const OPENING_AT_ONCE = 100;

/** Many SSE streams of the same tasks, and none of their events lost. */
export async function followers({ databases, sizes }) {
  const found = [];
  for (const database of databases) found.push(await measure(database, sizes));
  const streams = sizes.followedTasks * FOLLOWERS_PER_TASK;
  return {
    title: `${streams} followers of ${sizes.followedTasks} tasks, ${sizes.progressPerTask} progress events each`,
    columns: [
      'database',
      'events sent',
      'received',
      'lost',
      'twice',
      'delay p50 ms',
      'p99 ms',
      'max ms',
      'RSS MiB',
    ],
    rows: found.map(({ name, expected, received, lost, twice, delays, memory }) => [
      name,
      String(expected),
      String(received),
      String(lost),
      String(twice),
      ...[0.5, 0.99, 1].map((share) => round(quantile(delays, share))),
      mebibytes(memory),
    ]),
    budgets: found.map(({ name, lost, twice }) =>
      checkBudget(
        `${name}: events that ${streams} followers lost or got twice`,
        'none',
        `${lost} lost, ${twice} twice`,
        lost === 0 && twice === 0,
      ),
    ),
  };
}

async function measure({ name, url }, { followedTasks, progressPerTask, eventsPerSecond }) {
  const workflows = { [SLUG]: workflowOf(SLUG, 'watched') };
  await using installation = await Installation.make(workflows, await url());
  await using product = disposable(await installation.start('runtime'));
  const { endpoint } = product.server;
  const begin = Promise.withResolvers();
  const sentAt = new Map();
  const everyMs = (followedTasks * 1000) / eventsPerSecond;
  const agents = new SimulatedAgents(endpoint, installation.agentKey(), async (write, { task_id }) => {
    await begin.promise;
    // Spread over time, as those of many agents are.
    await delay(Math.random() * everyMs);
    for (let step = 1; step <= progressPerTask; step++) {
      const progress = step / (progressPerTask + 1);
      sentAt.set(`${task_id} ${progress}`, performance.now());
      write({ type: 'progress', progress, step_current: step, step_total: progressPerTask });
      await delay(everyMs);
    }
    write({ type: 'completed', output: null, files: [] });
  });
  await agents.connect(1, () => ['watched'], followedTasks);
  const api = new Api(endpoint);
  const ids = [];
  while (ids.length < followedTasks) ids.push(await api.submit(SLUG));
  const counts = { received: 0, lost: 0, twice: 0, delays: [] };
  const ends = await openFollowers(api, ids, { progressPerTask, sentAt, counts });
  begin.resolve();
  await Promise.all(ends);
  const { now: memory } = product.server.residentMemory();
  await api.close();
  await agents.close();
  const expected = followedTasks * FOLLOWERS_PER_TASK * (STATES + progressPerTask);
  return { name, expected, memory, ...counts };
}

/** Resolves when every stream is open, with the promises of their ends. */
async function openFollowers(api, ids, run) {
  const wanted = ids.flatMap((id) => Array.from({ length: FOLLOWERS_PER_TASK }, () => id));
  const ends = [];
  const openSome = async () => {
    for (let id = wanted.pop(); id !== undefined; id = wanted.pop()) {
      const opened = Promise.withResolvers();
      const end = follow(api, id, { ...run, opened });
      ends.push(end);
      await Promise.race([opened.promise, end]);
    }
  };
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, openSome));
  return ends;
}

async function follow(api, id, { progressPerTask, sentAt, counts, opened }) {
  const seen = new Set();
  for await (const { event, data } of api.events(id)) {
    opened.resolve();
    counts.received += 1;
    const name = event === 'progress' ? data.progress : data.status;
    if (seen.has(name)) counts.twice += 1;
    seen.add(name);
    const sent = sentAt.get(`${id} ${data.progress}`);
    if (event === 'progress' && sent !== undefined) counts.delays.push(performance.now() - sent);
  }
  counts.lost += STATES + progressPerTask - seen.size;
}
