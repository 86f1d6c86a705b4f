import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';

/** Vitest's global setup: the type declarations, as `npm pack` makes them before it packs. */
export function setup(): void {
  const tsc = join(packagePaths.root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.types.json'], {
    cwd: packagePaths.root,
    stdio: 'inherit',
  });
}
