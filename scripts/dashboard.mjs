// `node scripts/dashboard.mjs --target 127.0.0.1:9464`: what helm/files/dashboard.json shows of running servers, without
// Grafana. Prometheus reads their metrics for a while and answers the queries of the panels; Chromium makes a picture of
// the page. Needs the Debian packages prometheus and chromium.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { pageOf } from './dashboard/page.mjs';
import { freePort } from './free-port.mjs';

const HELP = `node scripts/dashboard.mjs [options]
  --target <host:port>   whose metrics are read; may be given several times
  --seconds <n>          how long (default 60)
  --out <folder>         where dashboard.html and dashboard.png go (default results)`;
const SCRAPE_SECONDS = 2;
/** In place of Grafana's variables; a rate needs a few readings. */
const VARIABLES = { $__rate_interval: `${SCRAPE_SECONDS * 8}s`, $namespace: '.*', $job: '.*' };

const { values: options } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '60' },
    out: { type: 'string', default: 'results' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help || options.target.length === 0) console.log(HELP);
else await draw();

async function draw() {
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-dashboard-'));
  const prometheus = await startPrometheus(folder);
  try {
    await delay(Number(options.seconds) * 1000);
    const file = join(import.meta.dirname, '..', 'helm', 'files', 'dashboard.json');
    const dashboard = JSON.parse(readFileSync(file, 'utf8'));
    for (const panel of dashboard.panels) panel.series = await seriesOf(panel, prometheus.url);
    const out = resolve(options.out);
    mkdirSync(out, { recursive: true });
    const page = join(out, 'dashboard.html');
    writeFileSync(page, pageOf(dashboard));
    takePicture(page, join(out, 'dashboard.png'), folder);
    const empty = dashboard.panels.filter(({ targets, series }) => targets && series.length === 0);
    console.log(`${page}: ${dashboard.panels.length} panels and rows, ${empty.length} of them without data`);
    for (const { title } of empty) console.log(`  no data: ${title}`);
  } finally {
    prometheus.child.kill();
    await prometheus.ended;
    rmSync(folder, { recursive: true });
  }
}

async function startPrometheus(folder) {
  const static_configs = [{ targets: options.target, labels: { namespace: 'local' } }];
  const scrape_configs = [{ job_name: 'cyberun-mcp', static_configs }];
  // JSON is YAML.
  writeFileSync(
    join(folder, 'prometheus.yml'),
    JSON.stringify({ global: { scrape_interval: `${SCRAPE_SECONDS}s` }, scrape_configs }),
  );
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const ended = once(child, 'exit').catch(({ message }) => {
    console.error(`prometheus: ${message}. apt-get install --yes --no-install-recommends prometheus`);
    process.exit(1);
  });
  return { child, ended, url: `http://127.0.0.1:${port}` };
}

/** The lines of a panel: a name and points of time and value each. */
async function seriesOf({ targets = [] }, url) {
  const end = Date.now() / 1000;
  const lines = targets.map(async ({ expr, legendFormat }) => {
    const query = Object.entries(VARIABLES).reduce(
      (text, [name, value]) => text.replaceAll(name, value),
      expr,
    );
    const range = { start: end - Number(options.seconds), end, step: SCRAPE_SECONDS };
    const response = await fetch(`${url}/api/v1/query_range?${new URLSearchParams({ query, ...range })}`);
    const { status, error, data } = await response.json();
    if (status !== 'success') throw new Error(`${query}: ${error}`);
    return data.result.map(({ metric, values }) => ({
      name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_match, label) => metric[label] ?? ''),
      points: values.map(([time, value]) => [time - end, Number(value)]),
    }));
  });
  return (await Promise.all(lines)).flat();
}

function takePicture(page, picture, profile) {
  const { status, error } = spawnSync(
    'chromium',
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      '--window-size=1600,2900',
      `--user-data-dir=${join(profile, 'chromium')}`,
      `--screenshot=${picture}`,
      `file://${page}`,
    ],
    { stdio: 'ignore' },
  );
  if (error || status !== 0)
    console.error(`No picture (${error?.message ?? `chromium ended with ${status}`}); the page is there.`);
  else console.log(picture);
}
