// Builds `dist` when it is missing or was built from other sources; otherwise costs a few milliseconds.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist', '.built-from');

function sourcesHash() {
  const hash = createHash('sha256');
  const sources = globSync(
    ['src/**/*.ts', 'src/**/assets/*', 'tsconfig*.json', 'nest-cli.json', 'package-lock.json'],
    {
      cwd: root,
    },
  );
  for (const file of sources.sort())
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

export function buildIfStale() {
  const wanted = sourcesHash();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const began = performance.now();
  process.stderr.write('Building dist from src, which takes about 20 seconds …\n');
  const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  const { status } = spawnSync(process.execPath, [nest, 'build'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
  chmodSync(join(root, 'dist', 'main.js'), 0o755);
  writeFileSync(stamp, wanted);
  process.stderr.write(`Built in ${Math.round((performance.now() - began) / 1000)} s.\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildIfStale();
