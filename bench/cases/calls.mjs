import { overGenerations } from '../generations.mjs';
import { checkBudget, ratio, round, withSpread } from '../budget.mjs';
import { FEW_TOOLS, LABELS, laneName, lanesOf, startPeers } from '../peers.mjs';
import { ERAS } from '../protocol.mjs';
import { costOf, ratioOf } from '../windows.mjs';

/** CPU per call over that of another server; the Go SDK's is there only where Go is. */
const BUDGETS = [
  { kind: 'stock', against: 'stock mcp-nest', limit: 1 / 6, shown: '≤ 0.167 (1/6)' },
  { kind: 'floor', against: 'a bare node:http', limit: 2.3, shown: '≤ 2.3×' },
  { kind: 'goSdk', against: "the official Go SDK's server", limit: 1 / 2, shown: '≤ 0.5 (1/2)' },
];

/** `tools/call` of a tool that calls no other service: what the protocol edge itself costs. */
export async function calls({ runtime, windowing }) {
  const what = {
    bare: '/call',
    method: 'tools/call',
    params: { name: 'echo', arguments: { text: 'hello' } },
  };
  const { lanes, windows } = await overGenerations(async () => {
    const servers = await startPeers(runtime.endpoint, FEW_TOOLS);
    return { servers, lanes: await lanesOf(servers, what) };
  }, windowing);
  const ratios = BUDGETS.flatMap((budget) => ratiosOf(budget, windows));
  return {
    title: 'tools/call without upstream (15 tools and echo)',
    ...costTable(lanes, windows),
    budgets: ratios.map(({ era, against, shown, limit, ...found }) =>
      checkBudget(
        `CPU per tools/call against ${against}, ${era}`,
        shown,
        withSpread(found, ratio),
        found.median <= limit,
      ),
    ),
    data: { windows: Object.fromEntries(windows), ratios },
  };
}

/** The bare server has one lane for both eras; a peer that did not start has none. */
function ratiosOf({ kind, ...budget }, windows) {
  return ERAS.flatMap((era) => {
    const theirs = windows.get(kind === 'floor' ? kind : laneName(kind, era));
    return theirs ? [{ ...budget, era, ...ratioOf(windows.get(laneName('ours', era)), theirs) }] : [];
  });
}

/** What every lane cost, and how ours compares with it in the same era, as a table. */
export function costTable(lanes, windows) {
  const rows = lanes.map(({ name, kind, era, label, ours }) => {
    const { cpuUs, perSecond, p99Ms } = costOf(windows.get(name));
    const against = ours ?? (era && kind !== 'ours' ? laneName('ours', era) : undefined);
    return [
      label ?? LABELS[kind],
      era ?? '–',
      withSpread(cpuUs),
      round(cpuUs.min),
      round(perSecond),
      round(p99Ms),
      against ? withSpread(ratioOf(windows.get(against), windows.get(name)), ratio) : '–',
    ];
  });
  const columns = ['server', 'revision', 'CPU µs per request', 'min', 'per s', 'p99 ms', 'ours ÷ it'];
  return { columns, rows };
}
