// `npm run bench:runtime`: the embedded runtime on PGlite and on PostgreSQL, side by side. See docs/runtime-performance.md.
import { parseArgs } from 'node:util';

import { buildIfStale } from '../scripts/build-if-stale.mjs';

/** In the order they run. `growth` takes ten minutes, and runs only when it is named. */
const CASES = {
  tasks: () => import('./cases/runtime-tasks.mjs').then(({ tasks }) => tasks),
  followers: () => import('./cases/runtime-followers.mjs').then(({ followers }) => followers),
  agents: () => import('./cases/runtime-agents.mjs').then(({ agents }) => agents),
  queue: () => import('./cases/runtime-queue.mjs').then(({ queue }) => queue),
  knee: () => import('./cases/runtime-knee.mjs').then(({ knee }) => knee),
  growth: () => import('./cases/growth.mjs').then(({ growth }) => growth),
};
const USUAL = ['tasks', 'followers', 'agents', 'queue', 'knee'];

const FULL = {
  tasksAlone: 50,
  tasksTogether: 200,
  followedTasks: 200,
  progressPerTask: 12,
  eventsPerSecond: 200,
  agents: 1000,
  claimedTasks: 400,
  waiting: { PGlite: 10_000, PostgreSQL: 100_000 },
  stepMs: 3000,
};
const QUICK = {
  tasksAlone: 10,
  tasksTogether: 60,
  followedTasks: 20,
  progressPerTask: 5,
  eventsPerSecond: 100,
  agents: 100,
  claimedTasks: 200,
  waiting: { PGlite: 2000, PostgreSQL: 5000 },
  stepMs: 1000,
};

const HELP = `npm run bench:runtime -- [CASE…] [options]
  cases: ${Object.keys(CASES).join(', ')}; without one: ${USUAL.join(', ')}
  --quick           a short run that shows that everything works; its figures say little
  --strict          exit 1 when a budget is not met
  --write-docs      also write docs/runtime-performance.md; for all usual cases
  --only-pglite     without PostgreSQL, which must be installed otherwise
  --tasks N         ended tasks of growth; 100000`;

const flag = { type: 'boolean', default: false };
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: flag,
    strict: flag,
    'write-docs': flag,
    'only-pglite': flag,
    help: flag,
    tasks: { type: 'string', default: '100000' },
  },
});
const names = positionals.length === 0 ? USUAL : positionals;
const isWrong = names.some((name) => !Object.hasOwn(CASES, name)) || !/^[1-9]\d*$/.test(options.tasks);
if (options.help || isWrong) {
  console.log(HELP);
  process.exit(options.help ? 0 : 2);
}
buildIfStale();
const { runCases } = await import('./runtime-run.mjs');
const cases = Object.fromEntries(names.map((name) => [name, CASES[name]]));
process.exit(await runCases(cases, { ...options, sizes: options.quick ? QUICK : FULL }));
