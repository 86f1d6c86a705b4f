import { checkBudget, kibibytes, round } from '../budget.mjs';
import { FEW_TOOLS, LABELS, startPeers, stopAll } from '../peers.mjs';
import { closeSession, openSession } from '../protocol.mjs';
import { median } from '../statistics.mjs';

const BUDGET_BYTES = 4096;
const AT_ONCE = 16;
const WARM_UP = 100;
/** fastmcp needs some 50 ms to open one; a tenth of them says as much. */
const SHARE = { fastmcp: 0.1 };

/** What an open, idle 2025-era session holds, over rounds of opening and closing. */
export async function sessions({ runtime, sizes }) {
  const servers = await startPeers(runtime.endpoint, FEW_TOOLS);
  try {
    const found = {};
    for (const kind of ['stock', 'sdk', 'fastmcp', 'ours']) {
      const count = Math.round(sizes.sessions * (SHARE[kind] ?? 1));
      found[kind] = await measure(servers[kind], count, sizes.sessionRounds);
    }
    return result(found);
  } finally {
    await stopAll(servers);
  }
}

function result(found) {
  const rows = Object.entries(found).map(([kind, { count, heap, resident, openUs, left }]) => [
    LABELS[kind],
    String(count),
    kibibytes(heap),
    kibibytes(resident),
    round(openUs),
    kibibytes(left),
  ]);
  return {
    title: 'idle sessions (2025-11-25)',
    columns: [
      'server',
      'sessions',
      'heap KiB per session',
      'RSS KiB per session',
      'µs to open one',
      'heap KiB left after the last round',
    ],
    rows,
    budgets: [
      checkBudget(
        'heap of an idle 2025-era session',
        '≤ 4 KiB',
        `${kibibytes(found.ours.heap)} KiB`,
        found.ours.heap <= BUDGET_BYTES,
      ),
    ],
    data: found,
  };
}

async function measure(server, count, rounds) {
  await closeEach(server, (await openEach(server, WARM_UP)).opened);
  const start = await server.ask('memory');
  const results = [];
  for (let round = 0; round < rounds; round++) results.push(await measureRound(server, count));
  const end = await server.ask('memory');
  return {
    count,
    heap: median(results.map(({ heap }) => heap)),
    resident: median(results.map(({ resident }) => resident)),
    openUs: median(results.map(({ openUs }) => openUs)),
    left: end.heap - start.heap,
    rounds: results,
  };
}

async function measureRound(server, count) {
  const before = await server.ask('memory');
  const { opened, openUs } = await openEach(server, count);
  const after = await server.ask('memory');
  await closeEach(server, opened);
  return { heap: (after.heap - before.heap) / count, resident: (after.rss - before.rss) / count, openUs };
}

async function openEach({ endpoint }, count) {
  const opened = [];
  const startedAt = performance.now();
  await shared(count, async () => {
    opened.push(await openSession(endpoint));
  });
  return { opened, openUs: ((performance.now() - startedAt) * 1000) / count };
}

const closeEach = ({ endpoint }, opened) =>
  shared(opened.length, (index) => closeSession(endpoint, opened[index]));

/** Does it so many times, a few at a time. */
async function shared(count, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await work(next++);
    }),
  );
}
