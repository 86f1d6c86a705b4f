import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { until } from '../support/processes.js';
import type { ServerProcess } from '../support/server.js';
import { Cluster, realRuntime } from './load/cluster.js';
import type { Ledger } from './load/ledger.js';
import { Load } from './load/load.js';
import { type Outcome, outcomeOf } from './load/outcome.js';

const STEADY_MS = 1500;
const REDIS_PAUSE_MS = 5000;
const MODERN = '2026-07-28';
/** The words that tell a client not to repeat a run blindly. */
const MAY_HAVE_STARTED = /may (have (taken effect|started)|be (running|cancelled))/;
const NOTHING_DONE = /nothing was done|Try again in a moment/;

let cluster: Cluster<ServerProcess>;
const seen = new Set<string>();
const table: Record<string, Record<string, number>> = {};

beforeAll(async () => {
  cluster = await Cluster.start(await realRuntime());
});
afterEach(() => until(async () => (await cluster.haproxy.upCount()) === 2));
afterAll(async () => {
  console.table(table);
  await cluster[Symbol.asyncDispose]();
});

/** Runs the load around a fault, counts, and checks what must hold after every fault. */
async function under(what: string, fault: (load: Load) => Promise<void>): Promise<Ledger> {
  const load = await Load.start(cluster.endpoint);
  await delay(STEADY_MS);
  await fault(load);
  await delay(STEADY_MS);
  const ledger = await load.stop();
  const outcome = await outcomeOf(cluster.runtime.api, ledger, seen);
  note(what, ledger, outcome);

  expect(outcome.lost, 'accepted tasks without their result').toEqual([]);
  for (const [value, count] of outcome.tasksByValue) {
    expect(ledger.attempted, 'no task without a submission').toContain(value);
    expect(count, 'no submission is repeated').toBe(1);
  }
  for (const { value, message } of ledger.unanswered) {
    if (outcome.tasksByValue.has(value)) expect(message).toMatch(MAY_HAVE_STARTED);
    else expect(message).toMatch(new RegExp(`${MAY_HAVE_STARTED.source}|${NOTHING_DONE.source}`));
  }
  return ledger;
}

function note(what: string, ledger: Ledger, { tasksByValue, lost }: Outcome): void {
  const { requests, errors, kinds, retries, mostRetries, attempted, accepted, unanswered, sessionsLost } =
    ledger;
  table[what] = {
    requests,
    errors: errors.length,
    'retries of reads': retries,
    'most for one read': mostRetries,
    'runs submitted': attempted.size,
    accepted: accepted.size,
    unanswered: unanswered.length,
    'of these started': unanswered.filter(({ value }) => tasksByValue.has(value)).length,
    'sessions lost': sessionsLost,
    'results lost': lost.length,
  };
  console.log(`${what}: errors by kind`, kinds);
}

it('when a replica is killed, only the calls it was answering fail, and no result is lost', async () => {
  const ledger = await under('kill -9 of a replica', async (load) => {
    const runs = load.burst();
    // With the first answer, the others are somewhere on their way.
    await Promise.race(runs);
    await cluster.replicas[0].end('SIGKILL');
    await Promise.all(runs);
    await delay(STEADY_MS);
    await cluster.startAgain(0);
  });
  expect(ledger.mostRetries).toBeLessThanOrEqual(1);
  expect(ledger.sessionsLost).toBe(0);
});

it('when a replica shuts down, no call fails', async () => {
  const ledger = await under('SIGTERM of a replica', async (load) => {
    const runs = load.burst();
    expect(await cluster.replicas[1].end('SIGTERM')).toBe(0);
    await Promise.all(runs);
    await delay(STEADY_MS);
    await cluster.startAgain(1);
  });
  expect(ledger.kinds).toEqual({});
});

it('when Redis is killed and restarted, no call of 2026-07-28 fails and no session is lost', async () => {
  const ledger = await under('kill -9 of Redis', async () => {
    await cluster.redis.kill();
    await delay(STEADY_MS);
    await cluster.redis.start();
  });
  expect(ledger.errorsOf(({ revision }) => revision === MODERN)).toEqual([]);
  expect(ledger.sessionsLost).toBe(0);
});

it('when Redis pauses for five seconds, no call of 2026-07-28 fails and no session is lost', async () => {
  const ledger = await under('Redis pauses 5 s', async () => {
    const client = new Redis(cluster.redis.url);
    await client.client('PAUSE', REDIS_PAUSE_MS);
    client.disconnect();
    await delay(REDIS_PAUSE_MS);
  });
  expect(ledger.errorsOf(({ revision }) => revision === MODERN)).toEqual([]);
  expect(ledger.sessionsLost).toBe(0);
});
