import { setTimeout as delay } from 'node:timers/promises';

import { round } from '../budget.mjs';
import { disposable } from '../peers.mjs';
import { Api } from '../runtime-api.mjs';
import { Installation, workflowOf } from '../runtime-installation.mjs';
import { SimulatedAgents } from '../simulated-agents.mjs';
import { quantile } from '../statistics.mjs';

const SLUG = 'knee';
const AGENTS = 20;
const SLOTS = 8;
const FIRST_RATE = 10;
const GROWTH = 1.5;
const HIGHEST_RATE = 2000;
const WARM_UP = 100;
/** Of p50, against the lowest rate. */
const SLOWER = 2;
/** Of the tasks of a step that have ended with it. */
const KEPT_UP = 0.9;

/** Submits at a rising rate until tasks take twice as long, or more are submitted than end. */
export async function knee({ databases, sizes }) {
  const rows = [];
  for (const database of databases) rows.push(...(await climb(database, sizes)));
  return {
    title: `rising rate of submissions, ${AGENTS} simulated agents with ${SLOTS} slots; the last row of each is past the knee`,
    columns: ['database', 'submitted/s', 'completed/s', 'p50 ms', 'p99 ms', 'open at the end', 'CPU %'],
    rows,
    budgets: [],
  };
}

async function climb({ name, url }, { stepMs }) {
  await using installation = await Installation.make({ [SLUG]: workflowOf(SLUG, 'knee') }, await url());
  await using product = disposable(await installation.start('runtime'));
  const { server } = product;
  const simulated = new SimulatedAgents(server.endpoint, installation.agentKey());
  await simulated.connect(AGENTS, () => ['knee'], SLOTS);
  const api = new Api(server.endpoint);
  for (let turn = 0; turn < WARM_UP; turn++) await api.completed(await api.submit(SLUG));
  const steps = [];
  for (let rate = FIRST_RATE; rate < HIGHEST_RATE; rate *= GROWTH) {
    const step = await atRate(server, api, rate, stepMs);
    steps.push(step);
    if (isPast(step, steps[0])) break;
  }
  await api.close();
  await simulated.close();
  return steps.map((step) => [
    name,
    round(step.rate),
    round(step.perSecond),
    round(quantile(step.times, 0.5)),
    round(quantile(step.times, 0.99)),
    String(step.open),
    round(step.cpu * 100),
  ]);
}

const isPast = (step, first) =>
  quantile(step.times, 0.5) > SLOWER * quantile(first.times, 0.5) || step.perSecond < KEPT_UP * step.rate;

/** Submits at a constant rate, also when earlier tasks have not ended. */
async function atRate(server, api, rate, stepMs) {
  const times = [];
  const running = [];
  const cpuBefore = await server.ask('cpu');
  const startedAt = performance.now();
  for (let sent = 0; sent < (rate * stepMs) / 1000; sent++) {
    await delay(Math.max(0, startedAt + (sent * 1000) / rate - performance.now()));
    const sentAt = performance.now();
    const one = api
      .submit(SLUG)
      .then((id) => api.completed(id))
      .then(() => times.push(performance.now() - sentAt));
    running.push(one);
  }
  const ms = performance.now() - startedAt;
  const cpu = ((await server.ask('cpu')) - cpuBefore) / 1000 / ms;
  const ended = times.length;
  await Promise.all(running);
  return {
    rate: (running.length * 1000) / ms,
    perSecond: (ended * 1000) / ms,
    open: running.length - ended,
    times,
    cpu,
  };
}
