// `npm run dashboard`: what helm/files/dashboard.json shows of a scripted session, or of running servers, without Grafana.
// Prometheus reads their metrics for a while and answers the queries of all panels. The highest values are printed as a table; where
// Chromium is there, it makes a picture of the page. Needs the Debian packages prometheus, postgresql and redis-server.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { pageOf } from './dashboard/page.mjs';
import { panelTable } from './dashboard/panel-table.mjs';
import { Prometheus } from './dashboard/prometheus.mjs';
import { startSession } from './dashboard/scripted-session.mjs';

const HELP = `npm run dashboard -- [options]
  --target <host:port>   whose metrics are read, in place of a scripted session; may be given several times
  --seconds <n>          how long (default 60)
  --out <folder>         where dashboard.html and dashboard.png go (default results)`;

const { values: options } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '60' },
    out: { type: 'string', default: 'results' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) console.log(HELP);
else await draw(Number(options.seconds));

async function draw(seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-dashboard-'));
  const started = new AsyncDisposableStack();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  try {
    const session = options.target.length > 0 ? undefined : await startSession(folder);
    if (session) started.defer(session.end);
    const targets = session?.targets ?? options.target;
    const prometheus = await Prometheus.start(folder, targets);
    started.defer(() => prometheus.end());
    await (session ? session.runFor(seconds) : delay(seconds * 1000));
    const file = join(import.meta.dirname, '..', 'helm', 'files', 'dashboard.json');
    const dashboard = JSON.parse(readFileSync(file, 'utf8'));
    for (const panel of dashboard.panels) panel.lines = await prometheus.linesOf(panel, seconds);
    report(dashboard);
    picture(dashboard, folder);
  } finally {
    await started.disposeAsync();
  }
}

function report({ panels }) {
  console.log(panelTable(panels));
  const all = panels.flatMap(({ lines }) => lines);
  const queries = `${all.length} queries of ${panels.filter(({ type }) => type !== 'row').length} panels`;
  const empty = all.filter(({ series }) => series.length === 0);
  const missing = [...new Set(empty.flatMap((line) => line.missing))];
  console.log(`\n${queries}: ${all.length - empty.length} with data, ${empty.length} without.`);
  if (missing.length > 0)
    console.log(
      `Metrics that no server reports (a counter appears with its first event): ${missing.join(', ')}.`,
    );
}

function picture(dashboard, profile) {
  const out = resolve(options.out);
  mkdirSync(out, { recursive: true });
  const [page, png] = ['html', 'png'].map((ending) => join(out, `dashboard.${ending}`));
  writeFileSync(page, pageOf(dashboard));
  console.log(page);
  const { status, error } = spawnSync(
    'chromium',
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      '--window-size=1600,2900',
      `--user-data-dir=${join(profile, 'chromium')}`,
      `--screenshot=${png}`,
      `file://${page}`,
    ],
    { stdio: 'ignore' },
  );
  if (error || status !== 0)
    console.error(`No picture (${error?.message ?? `chromium ended with ${status}`}); the page is there.`);
  else console.log(png);
}
