import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { request } from 'undici';

import { checkBudget, round } from '../budget.mjs';
import { startAll, startProduct } from '../peers.mjs';
import { median } from '../statistics.mjs';

/** From the start of the process until it answers that it is ready. */
export async function starts({ runtime, sizes }) {
  const mcp = await repeat(sizes.starts, () => timed(startProduct(runtime.endpoint, { place: 'any' })));
  const first = [];
  const later = [];
  for (let turn = 0; turn < Math.ceil(sizes.starts / 2); turn++) {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-bench-'));
    try {
      first.push(await timed(startAll(folder)));
      later.push(...(await repeat(2, () => timed(startAll(folder)))));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const found = [
    { what: 'role mcp', budget: 1500, all: mcp },
    { what: 'role all, existing data', budget: 3000, all: later },
    { what: 'role all, first start', budget: 10_000, all: first },
  ];
  return {
    title: 'start to ready',
    columns: ['what', 'starts', 'median ms', 'slowest ms', 'CPU ms of the server'],
    rows: found.map(({ what, all }) => [
      what,
      String(all.length),
      round(median(times(all))),
      round(Math.max(...times(all))),
      round(median(all.map(({ cpuMs }) => cpuMs))),
    ]),
    budgets: found.map(({ what, budget, all }) =>
      checkBudget(
        `start to ready, ${what}`,
        `≤ ${budget / 1000} s`,
        `${round(median(times(all)) / 1000)} s`,
        median(times(all)) <= budget,
      ),
    ),
    data: Object.fromEntries(found.map(({ what, all }) => [what, all])),
  };
}

const times = (all) => all.map(({ milliseconds }) => milliseconds);

async function timed(starting) {
  const server = await starting;
  const asked = performance.now();
  const { statusCode, body } = await request(new URL('/health/ready', server.endpoint));
  await body.dump();
  if (statusCode !== 200) throw new Error(`said ready, but /health/ready answered ${statusCode}`);
  const milliseconds = server.startMs + performance.now() - asked;
  const cpuMs = (await server.ask('cpu')) / 1000;
  await server.stop();
  return { milliseconds, cpuMs };
}

async function repeat(times, work) {
  const results = [];
  while (results.length < times) results.push(await work());
  return results;
}
