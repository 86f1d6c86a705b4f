import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';

/** Vitest's global setup: tests of the console need its pages as they are built from the present sources. */
export function setup(): void {
  execFileSync(process.execPath, [join(packagePaths.root, 'scripts/build-if-stale.mjs')], {
    stdio: 'inherit',
  });
}
