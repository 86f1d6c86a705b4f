// A Prometheus of its own that reads the metrics of servers and answers the queries of a Grafana dashboard.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from '../free-port.mjs';

const SCRAPE_SECONDS = 2;
/** In place of Grafana's variables; a rate needs a few readings. */
const VARIABLES = { $__rate_interval: `${SCRAPE_SECONDS * 8}s`, $namespace: '.*', $job: '.*' };
/** Every metric that is ours or of Node, in a query. */
const METRIC = /\b(?:cyberun|mcp|http|nodejs|v8js|process|system|db)_\w+(?=[{\s])/g;
const MISSING = 'Prometheus is not installed. apt-get install --yes --no-install-recommends prometheus';

export class Prometheus {
  #child;
  #ended;
  #url;

  /** Reads the targets from now on; its data is in the folder. */
  static async start(folder, targets) {
    const prometheus = new Prometheus();
    const static_configs = [{ targets, labels: { namespace: 'local' } }];
    const scrape_configs = [{ job_name: 'cyberun-mcp', static_configs }];
    const config = join(folder, 'prometheus.yml');
    // JSON is YAML.
    const content = { global: { scrape_interval: `${SCRAPE_SECONDS}s` }, scrape_configs };
    writeFileSync(config, JSON.stringify(content));
    const port = await freePort();
    const flags = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ];
    prometheus.#url = `http://127.0.0.1:${port}/api/v1`;
    prometheus.#child = spawn('prometheus', flags, { stdio: ['ignore', 'inherit', 'inherit'] });
    prometheus.#ended = once(prometheus.#child, 'exit');
    const failed = prometheus.#ended.then(
      ([code]) => Promise.reject(new Error(`prometheus ended with ${code}`)),
      (cause) => Promise.reject(new Error(MISSING, { cause })),
    );
    // Also when it ends later, as it does at the end.
    failed.catch(() => undefined);
    await Promise.race([prometheus.#answers(), failed]);
    return prometheus;
  }

  async #answers() {
    const ready = () => fetch(`${this.#url}/status/runtimeinfo`).then(({ ok }) => ok);
    while (!(await ready().catch(() => false))) await delay(100);
  }

  async end() {
    this.#child.kill();
    await this.#ended;
  }

  /** The lines of each target of a panel over the last seconds: a name, and points of time and value each. */
  async linesOf({ targets = [] }, seconds) {
    const end = Date.now() / 1000;
    return await Promise.all(
      targets.map(async ({ expr, legendFormat }) => {
        const range = { start: end - seconds, end, step: SCRAPE_SECONDS };
        const result = await this.#query('query_range', { query: withVariables(expr), ...range });
        const series = result.map(({ metric, values }) => ({
          name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_match, label) => metric[label] ?? ''),
          points: values.map(([time, value]) => [time - end, Number(value)]),
        }));
        return {
          legend: legendFormat,
          series,
          missing: series.length > 0 ? [] : await this.#missingIn(expr),
        };
      }),
    );
  }

  /** The metrics of a query that no server reports. */
  async #missingIn(expr) {
    const names = [...new Set(expr.match(METRIC) ?? [])];
    const known = await Promise.all(names.map((name) => this.#query('query', { query: `count(${name})` })));
    return names.filter((_name, index) => known[index].length === 0);
  }

  async #query(kind, parameters) {
    const response = await fetch(`${this.#url}/${kind}?${new URLSearchParams(parameters)}`);
    const { status, error, data } = await response.json();
    if (status !== 'success') throw new Error(`${parameters.query}: ${error}`);
    return data.result;
  }
}

const withVariables = (expr) =>
  Object.entries(VARIABLES).reduce((text, [name, value]) => text.replaceAll(name, value), expr);
