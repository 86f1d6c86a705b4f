// `npm run conformance`: the official suite against the endpoint as it ships ("product") and with the suite's fixtures
// registered by one more Nest module ("fixtures"), for every revision we speak. What is expected to fail stands, with
// its reason, in test/conformance/baseline-<subject>-<revision>.yml; a listed scenario that passes is an error too.
// Prints a table, writes results/conformance.json, and ends with 1 on any unexpected outcome.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { installedNginx, startNginx } from '../test/conformance/nginx.ts';
import { readOutcomes } from '../test/conformance/outcomes.ts';
import { startServer } from '../test/conformance/start-server.ts';
import { SUBJECTS } from '../test/conformance/subjects.ts';

const SUITE = '@modelcontextprotocol/conformance';
const RESULTS = 'results/conformance';

/** How the suite is asked for a revision: by its frozen list of requirements, or by all it has where there is none. */
const REVISIONS = {
  '2025-06-18': ['--suite', 'all', '--spec-version', '2025-06-18'],
  '2025-11-25': ['--requirements', '2025-11-25'],
  '2026-07-28': ['--requirements', '2026-07-28'],
};

const home = new URL('.', import.meta.resolve(`${SUITE}/package.json`));
const { version, bin } = JSON.parse(readFileSync(new URL('package.json', home), 'utf8'));
const suite = fileURLToPath(new URL(Object.values(bin)[0], home));
const longerTimeouts = new URL('../test/conformance/longer-timeouts.mjs', import.meta.url).href;

const nginx = installedNginx();
rmSync(RESULTS, { recursive: true, force: true });
mkdirSync(RESULTS, { recursive: true });
const runs = [];
for (const subject of SUBJECTS) runs.push(...(await runAll(subject)));
const isAsExpected = runs.every(({ unexpected, stale }) => unexpected.length + stale.length === 0);
writeFileSync(
  `${RESULTS}.json`,
  `${JSON.stringify({ suite: `${SUITE}@${version}`, isAsExpected, runs }, null, 2)}\n`,
);
print();
process.exitCode = isAsExpected ? 0 : 1;

async function runAll(subject) {
  const server = await startServer(subject, `${RESULTS}/${subject}.log`);
  try {
    const proxy = await startNginx(nginx, server);
    try {
      return Object.entries(REVISIONS).map(([revision, selection]) =>
        run({ subject, revision, selection, url: proxy.url }),
      );
    } finally {
      await proxy.stop();
    }
  } finally {
    await server.stop();
  }
}

function run({ subject, revision, selection, url }) {
  const folder = `${RESULTS}/${subject}-${revision}`;
  mkdirSync(folder, { recursive: true });
  const { stdout, stderr, error } = spawnSync(
    process.execPath,
    ['--import', longerTimeouts, suite, 'server', '--url', url, ...selection, '--output-dir', folder],
    { encoding: 'utf8' },
  );
  if (error) throw error;
  writeFileSync(`${folder}/output.txt`, stdout + stderr);
  const baseline = new URL(`../test/conformance/baseline-${subject}-${revision}.yml`, import.meta.url);
  return { subject, revision, ...readOutcomes({ folder, revision, baseline }) };
}

function print() {
  console.table(
    runs.map(({ subject, revision, required, further, expected, unexpected, stale }) => ({
      subject,
      revision,
      required: `${required.passed}/${required.total}`,
      further: `${further.passed}/${further.total}`,
      'expected to fail': expected.length,
      unexpected: unexpected.length,
      stale: stale.length,
    })),
  );
  for (const { subject, revision, unexpected, stale } of runs) {
    for (const { entry, why } of unexpected) console.error(`${subject} ${revision}: ${entry} failed: ${why}`);
    for (const entry of stale)
      console.error(`${subject} ${revision}: ${entry} passes; take it off the baseline`);
  }
  console.log(
    `${SUITE} ${version}: ${isAsExpected ? 'as expected' : 'NOT as expected'}, see ${RESULTS}.json`,
  );
}
