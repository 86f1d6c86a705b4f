import { overGenerations } from '../generations.mjs';
import { checkBudget, ratio, withSpread } from '../budget.mjs';
import { laneName, laneOf, startProduct } from '../peers.mjs';
import { callIn, ERAS, STATELESS } from '../protocol.mjs';
import { serverScript, ServerProcess } from '../server-process.mjs';
import { ratioOf } from '../windows.mjs';
import { costTable } from './calls.mjs';

const BUDGET = 2;

/** `list_agents`, which asks the Runtime API, against the least that can stand in its place. */
export async function proxied({ runtime, windowing }) {
  const { lanes, windows } = await overGenerations(() => started(runtime), windowing);
  const ratios = ERAS.map((era) => ({
    era,
    ...ratioOf(windows.get(laneName('ours', era)), windows.get('proxy')),
  }));
  return {
    title: 'proxied call (list_agents)',
    ...costTable(lanes, windows),
    budgets: ratios.map(({ era, ...found }) =>
      checkBudget(
        `CPU per proxied call against a bare node:http + undici proxy, ${era}`,
        '≤ 2×',
        withSpread(found, ratio),
        found.median <= BUDGET,
      ),
    ),
    data: { windows: Object.fromEntries(windows), ratios },
  };
}

async function started(runtime) {
  const env = { BENCH_RUNTIME_URL: runtime.endpoint };
  const servers = {
    bare: await ServerProcess.start({ script: serverScript('proxy'), env }),
    ours: await startProduct(runtime.endpoint),
  };
  const what = { method: 'tools/call', params: { name: 'list_agents', arguments: {} } };
  const lanes = [
    {
      name: 'proxy',
      label: 'bare node:http + undici',
      server: servers.bare,
      isBare: true,
      calls: [callIn(STATELESS, what)],
    },
  ];
  for (const era of ERAS) lanes.push(await laneOf(servers.ours, { kind: 'ours', era, ...what }));
  return { servers, lanes };
}
