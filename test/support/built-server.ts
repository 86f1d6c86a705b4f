import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';

/** Vitest's global setup: tests start the built server, which would else be missing, or be of other sources. */
export function setup(): void {
  execFileSync(process.execPath, [join(packagePaths.root, 'scripts/build-if-stale.mjs'), '--server'], {
    stdio: 'inherit',
  });
}
