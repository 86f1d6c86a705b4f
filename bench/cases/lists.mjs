import { overGenerations } from '../generations.mjs';
import { checkBudget, ratio, withSpread } from '../budget.mjs';
import { FEW_TOOLS, LABELS, laneName, lanesOf, startPeers } from '../peers.mjs';
import { ERAS } from '../protocol.mjs';
import { ratioOf } from '../windows.mjs';
import { costTable } from './calls.mjs';

const BUDGET = 1 / 20;
const MANY_TOOLS = 150;
const MANY = ` ×${MANY_TOOLS}`;

/** `tools/list` at 15 and at 150 tools (and `echo` each time). */
export async function lists({ runtime, windowing }) {
  const once = { ...windowing, generations: 1 };
  const { lanes, windows } = await overGenerations(() => started(runtime), once);
  const ratios = ERAS.map((era) => ({
    era,
    ...ratioOf(windows.get(laneName('ours', era)), windows.get(laneName('stock', era))),
  }));
  const growths = ERAS.map((era) => ({ era, ...growthOf(windows, era) }));
  return {
    title: 'tools/list',
    ...costTable(lanes, windows),
    budgets: [...ratios.map(cheap), ...growths.map(flat)],
    data: { windows: Object.fromEntries(windows), ratios, growths },
  };
}

async function started(runtime) {
  const what = { bare: '/list', method: 'tools/list' };
  const few = await startPeers(runtime.endpoint, FEW_TOOLS);
  const many = await startPeers(runtime.endpoint, MANY_TOOLS);
  const small = await lanesOf(few, what);
  const large = await lanesOf(many, { ...what, suffix: MANY });
  return {
    servers: [...Object.values(few), ...Object.values(many)],
    lanes: [...small.map(named(FEW_TOOLS)), ...large.map(named(MANY_TOOLS))],
  };
}

const named = (count) => (lane) => ({
  ...lane,
  label: `${LABELS[lane.kind]}, ${count} tools`,
  ...(lane.era &&
    lane.kind !== 'ours' && { ours: laneName('ours', lane.era, count === MANY_TOOLS ? MANY : '') }),
});

const cheap = ({ era, ...found }) =>
  checkBudget(
    `CPU per tools/list of 15 tools against stock, ${era}`,
    '≤ 0.05 (1/20)',
    withSpread(found, ratio),
    found.median <= BUDGET,
  );

const flat = ({ era, few, many }) =>
  checkBudget(
    `tools/list flat in the number of tools, ${era}: CPU at 150 as a multiple of the bare server's`,
    `≤ ${ratio(few.median)}×, as at 15`,
    `${withSpread(many, ratio)}×`,
    many.median <= few.median,
  );

/** What it costs over what the bare server pays to send as many bytes, at both sizes. */
function growthOf(windows, era) {
  const multiple = (suffix) =>
    ratioOf(windows.get(laneName('ours', era, suffix)), windows.get(`floor${suffix}`));
  return { few: multiple(''), many: multiple(MANY) };
}
