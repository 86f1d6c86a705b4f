// Checks the chart with a real Helm: lints it with every value set, then renders and validates it (test/chart).
// `npm run chart -- --update` also rewrites what is printed from it: the schema, helm/README.md, the snapshot.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { findHelm } from './helm.mjs';

const ROOT = join(import.meta.dirname, '..');
const CHART = join(ROOT, 'helm');
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');

/** Runs a command where the package is; a failure is the end. */
function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const helm = findHelm();
const isUpdate = process.argv.includes('--update');
// Helm reads the schema, so it is printed before anything is rendered.
if (isUpdate)
  run(
    process.execPath,
    [VITEST, 'run', '--project', 'chart', 'test/chart/values', '--update', '-t', 'generates the'],
    {
      HELM: helm,
    },
  );
run(process.execPath, [VITEST, 'run', '--project', 'chart', ...process.argv.slice(2)], { HELM: helm });
for (const file of readdirSync(join(CHART, 'ci'))) {
  run(helm, ['lint', '--strict', '--quiet', CHART, '--values', join(CHART, 'ci', file)]);
}
run(helm, ['lint', '--strict', CHART]);
