import { overGenerations } from '../generations.mjs';
import { judged, ratio, round, withSpread } from '../judgement.mjs';
import { FEW_TOOLS, LABELS, laneName, lanesOf, startPeers } from '../peers.mjs';
import { ERAS } from '../protocol.mjs';
import { costOf, ratioOf } from '../windows.mjs';

const BUDGET = 1 / 5;

/** `tools/call` of a tool that needs nobody else: what the protocol edge itself costs. */
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
  const ratios = ERAS.map((era) => ({
    era,
    ...ratioOf(windows.get(laneName('ours', era)), windows.get(laneName('stock', era))),
  }));
  return {
    title: 'tools/call without upstream (15 tools and echo)',
    ...costTable(lanes, windows),
    judgements: ratios.map(({ era, ...found }) =>
      judged(
        `CPU per tools/call against stock mcp-nest, ${era}`,
        '≤ 0.2 (1/5)',
        withSpread(found, ratio),
        found.median <= BUDGET,
      ),
    ),
    data: { windows: Object.fromEntries(windows), ratios },
  };
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
