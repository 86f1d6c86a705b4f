// Runs as `prepare`. Outside a git checkout (image builds, tarballs) and where dev dependencies
// are left out there are no hooks to install, and that is not an error.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (existsSync('.git') && existsSync('node_modules/.bin/lefthook') && !process.env.CI) {
  spawnSync('node_modules/.bin/lefthook', ['install'], { stdio: 'inherit' });
}
