// `npm run bench`: measures cyberun-mcp against its peers and against the budgets of design.md §8. See docs/performance.md.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const HELP = `npm run bench -- [options]
  --quick         a short run that shows that everything works; its figures say little
  --only a,b      only these cases
  --strict        exit 1 when a budget is not met
  --write-docs    also write docs/performance.md
  --profile       CPU profiles of all servers, in results/profiles; its figures are not to be cited`;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    strict: { type: 'boolean', default: false },
    'write-docs': { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(HELP);
  process.exit(0);
}

const here = import.meta.dirname;
const run = (command, args, cwd) => {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};
if (!existsSync(join(here, 'node_modules'))) {
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], here);
}
const { buildIfStale } = await import('../scripts/build-if-stale.mjs');
buildIfStale();

// Read by server-process.mjs.
if (options.profile) process.env.BENCH_PROFILES = join(here, '..', 'results', 'profiles');
const { bench } = await import('./bench.mjs');
process.exit(await bench(options));
