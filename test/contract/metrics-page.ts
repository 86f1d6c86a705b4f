import { type Metric, METRIC_GROUPS, prometheusLabel, prometheusName } from '../../src/telemetry/index.js';

/** docs/metrics.md: every metric, its labels, and how to add up those of several processes. */
export function metricsPage(): string {
  return [
    '# Metrics',
    '',
    '<!-- Printed by `npm run print` from src/telemetry. Do not edit. -->',
    '',
    'With `CYBERUN_METRICS_PORT` set, Prometheus reads `/metrics` on that port of the address of `CYBERUN_HTTP_HOST`. It needs no key; let only your Prometheus reach it. Without the setting nothing is measured. Set it for every process: no process reports for another one.',
    '',
    'The names are those of OpenTelemetry ([MCP](https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md), HTTP, database, Node.js, V8) where it has one, else they begin with `cyberun`. Prometheus sees them with underscores, the unit at the end and `_total` for counters. A histogram is three series: `_bucket`, `_sum` and `_count`.',
    '',
    'No label holds an id, a key, a team or text of a caller, and every label has a bound; values beyond it are `_OTHER`. A series appears with its first value.',
    '',
    '**One process or the whole database.** Nearly every metric describes the process on whose page it is: add them up over processes (`sum`). A gauge marked **shared** describes the whole database. With several nodes one of them, the one that has been running longest, reports it, from one statement at most every ten seconds; while another takes over, two may report it for a moment: use `max by (labels, state)`, never `sum` over processes.',
    '',
    '[Alerts and what to do about each](operate.md) are built on these metrics, and so is the dashboard in `helm/files/dashboard.json`.',
    '',
    ...METRIC_GROUPS.flatMap(({ title, metrics }) => [
      `## ${title}`,
      '',
      '| Metric | Kind | What | Labels |',
      '| --- | --- | --- | --- |',
      ...metrics.map(row),
      '',
    ]),
  ].join('\n');
}

function row(metric: Metric): string {
  const { kind, description, isShared } = metric;
  const what = `${description}${isShared ? ' (**shared**)' : ''}`;
  return `| \`${prometheusName(metric)}\` | ${kind} | ${what} | ${labels(metric)} |`;
}

const labels = ({ labels: described }: Metric): string =>
  Object.entries(described)
    .map(([name, values]) => `\`${prometheusLabel(name)}\`: ${values}`)
    .join('; ') || '–';
