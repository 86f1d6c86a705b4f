// `npm run metrics`: how large the code is, how far one call goes through it, and which words it uses.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { buildIfStale } from './build-if-stale.mjs';
import { callPaths } from './metrics/call-path.mjs';
import { printMetrics } from './metrics/metrics-table.mjs';
import { sourceFigures } from './metrics/source-figures.mjs';

const HELP = `npm run metrics -- [options]
  --json         print JSON
  --ref <git>    also count the files of this commit, beside those of the working tree
  --static       do not build and start the server; leaves out the path of a call`;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    ref: { type: 'string' },
    static: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const root = join(import.meta.dirname, '..');

if (options.help) console.log(HELP);
else {
  const figures = { now: sourceFigures(root) };
  if (options.ref) figures.before = { ref: options.ref, ...figuresAt(options.ref) };
  if (!options.static) {
    buildIfStale();
    figures.paths = await callPaths();
  }
  if (options.json) console.log(JSON.stringify(figures, null, 2));
  else printMetrics(figures);
}

/** The static figures of a commit, unpacked into a temporary folder. */
function figuresAt(ref) {
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-metrics-'));
  try {
    const archive = spawnSync('git', ['archive', ref], { cwd: root, maxBuffer: 2 ** 30 });
    if (archive.status !== 0) throw new Error(`git archive ${ref}: ${String(archive.stderr)}`);
    const unpacked = spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout });
    if (unpacked.status !== 0) throw new Error(`tar: ${String(unpacked.stderr)}`);
    return sourceFigures(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
