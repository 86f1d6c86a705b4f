import { judged, ratio, withSpread } from '../judgement.mjs';
import { disposable, laneName, laneOf, startProduct } from '../peers.mjs';
import { callIn, ERAS, STATELESS } from '../protocol.mjs';
import { serverScript, ServerProcess } from '../server-process.mjs';
import { interleave, ratioOf } from '../windows.mjs';
import { costTable } from './calls.mjs';

const BUDGET = 2.5;
/** For each of the others': there are few lanes here, and a ratio near its budget. */
const ROUNDS = 3;

/** `list_agents`, which asks the Runtime API, against the least that can stand in its place. */
export async function proxied({ runtime, windowing }) {
  await using product = disposable(await startProduct(runtime.endpoint));
  const env = { BENCH_RUNTIME_URL: runtime.endpoint };
  await using bare = disposable(await ServerProcess.start({ script: serverScript('proxy'), env }));
  const what = { method: 'tools/call', params: { name: 'list_agents', arguments: {} } };
  const lanes = [
    {
      name: 'proxy',
      label: 'bare node:http + undici',
      server: bare.server,
      isBare: true,
      calls: [callIn(STATELESS, what)],
    },
  ];
  for (const era of ERAS) lanes.push(await laneOf(product.server, { kind: 'ours', era, ...what }));
  const windows = await interleave(lanes, { ...windowing, rounds: ROUNDS * windowing.rounds });
  const ratios = ERAS.map((era) => ({
    era,
    ...ratioOf(windows.get(laneName('ours', era)), windows.get('proxy')),
  }));
  return {
    title: 'proxied call (list_agents)',
    ...costTable(lanes, windows),
    judgements: ratios.map(({ era, ...found }) =>
      judged(
        `CPU per proxied call against a bare node:http + undici proxy, ${era}`,
        '≤ 2.5×',
        withSpread(found, ratio),
        found.median <= BUDGET,
      ),
    ),
    data: { windows: Object.fromEntries(windows), ratios },
  };
}
