// Builds what is missing in `dist` or was built from other sources: the server from `src`, the pages for browsers from
// `web`, each by itself. Costs a few milliseconds otherwise. `--server` leaves out the pages.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

const server = {
  name: 'the server',
  sources: ['src/**/*.ts', 'src/**/assets/*', 'tsconfig*.json', 'nest-cli.json', 'package-lock.json'],
  stamp: join(dist, '.built-from'),
  takes: '20 seconds',
  build() {
    removeServer();
    const status = run(join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build');
    if (status === 0) chmodSync(join(dist, 'main.js'), 0o755);
    return status;
  },
};

const pages = {
  name: 'the pages',
  // The pages take types from the contract; what those are at run time does not matter to them.
  sources: ['web/**/*', 'package-lock.json', 'scripts/build-web.mjs'],
  stamp: join(dist, 'web', '.built-from'),
  takes: '5 seconds',
  build: () => run(join(root, 'scripts', 'build-web.mjs')),
};

/** What nest builds, and not the pages, which have a folder of their own. */
function removeServer() {
  mkdirSync(dist, { recursive: true });
  for (const name of readdirSync(dist)) if (name !== 'web') rmSync(join(dist, name), { recursive: true });
}

function run(...command) {
  return spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 2, 2] }).status ?? 1;
}

function hashOf(patterns) {
  const hash = createHash('sha256');
  const found = globSync(patterns, { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = found.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  for (const file of files.sort())
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** The exit code. */
function buildPart({ name, sources, stamp, takes, build }) {
  const wanted = hashOf(sources);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return 0;
  const began = performance.now();
  process.stderr.write(`Building ${name}, which takes about ${takes} …\n`);
  const status = build();
  if (status !== 0) return status;
  writeFileSync(stamp, wanted);
  process.stderr.write(`Built ${name} in ${Math.round((performance.now() - began) / 1000)} s.\n`);
  return 0;
}

/** Builds the server, and the pages; a server without pages is better than none. */
export function buildIfStale() {
  const status = buildPart(server);
  if (status !== 0) process.exit(status);
  if (buildPart(pages) !== 0) process.stderr.write('The server starts without the console.\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const parts = process.argv.includes('--server') ? [server] : [server, pages];
  for (const part of parts) {
    const status = buildPart(part);
    if (status !== 0) process.exit(status);
  }
}
