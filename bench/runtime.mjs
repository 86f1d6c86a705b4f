// `npm run bench:runtime -- growth`: the embedded runtime with few and with many ended tasks, on PGlite and PostgreSQL.
import { buildIfStale } from '../scripts/build-if-stale.mjs';
import { printCase } from './report.mjs';

const CASES = { growth: () => import('./cases/growth.mjs').then(({ growth }) => growth) };

const [name = '', tasks = '100000'] = process.argv.slice(2);
const load = Object.hasOwn(CASES, name) ? CASES[name] : undefined;
if (!load || !/^[1-9]\d*$/.test(tasks)) {
  console.log(
    `npm run bench:runtime -- CASE [TASKS]\n  cases: ${Object.keys(CASES).join(', ')}; TASKS: 100000`,
  );
  process.exit(2);
}
buildIfStale();
const { OtherLoad } = await import('./other-load.mjs');
const otherLoad = new OtherLoad();
const measureCase = await load();
const outcome = await measureCase({ tasks: Number(tasks) });
printCase({ ...outcome, otherLoad: otherLoad.share() });
