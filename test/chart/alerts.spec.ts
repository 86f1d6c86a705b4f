import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';

import { ALERT_CASES } from './alert-cases.js';
import { chartFile, chartFolder } from './chart.js';

const MISSING = 'promtool is not installed. apt-get install --yes --no-install-recommends prometheus';
const RULES = join(chartFolder, 'files/alerts.yaml');

interface Rule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
const { groups } = parse(chartFile('files/alerts.yaml')) as { groups: { rules: Rule[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);

const folder = mkdtempSync(join(tmpdir(), 'cyberun-alerts-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What promtool says; `undefined` when it finds no fault. */
function faultsOf(args: string[]): string | undefined {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8' });
  if (error) throw new Error(MISSING, { cause: error });
  return status === 0 ? undefined : `${stdout}${stderr}`;
}

/** A test of promtool: which alerts fire, by name, some minutes after the beginning of these series. */
const testOf = (name: string, series: Readonly<Record<string, string>>, after: number, firing: string[]) => ({
  name,
  interval: '30s',
  input_series: Object.entries(series).map(([each, values]) => ({ series: each, values })),
  promql_expr_test: [
    {
      expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: `${after}m`,
      exp_samples: firing.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
    },
  ],
});

/** What promtool says of these tests, in one run. */
function faultsOfTests(tests: readonly object[]): string | undefined {
  const file = join(folder, 'tests.yaml');
  writeFileSync(file, stringify({ rule_files: [RULES], evaluation_interval: '1m', tests }));
  return faultsOf(['test', 'rules', file]);
}

it('promtool finds no fault in the rules', () => {
  expect(faultsOf(['check', 'rules', RULES])).toBeUndefined();
});

it('every alert has a case in which it fires, and every case its alert', () => {
  expect(alerts).not.toHaveLength(0);
  expect(alerts.map(({ alert }) => alert).toSorted()).toEqual(Object.keys(ALERT_CASES).toSorted());
});

it.each(alerts)('$alert says how bad it is, in a sentence with its values, and where to read on', (rule) => {
  expect(rule.labels['severity']).toMatch(/^(?:warning|critical)$/);
  expect(rule.annotations['summary']).toMatch(/\{\{ \$(?:labels\.\w+|value).*\.$/);
  expect(rule.annotations['description']).toMatch(/\.$/);
});

const cases = Object.entries(ALERT_CASES);

it('each alert fires in its case, and no other does', () => {
  const tests = cases.map(([alert, { after, firing }]) => testOf(alert, firing, after, [alert]));
  expect(faultsOfTests(tests)).toBeUndefined();
});

it('promtool finds the fault when an alert fires that should not', () => {
  const [first] = cases.map(([alert, { after, firing }]) => testOf(alert, firing, after, []));
  expect(faultsOfTests(first ? [first] : [])).toContain(cases[0]?.[0]);
});

it('no alert fires just below its threshold, or for what it leaves out', () => {
  const tests = cases.map(([alert, { after, quiet }]) => testOf(alert, quiet, after, []));
  expect(faultsOfTests(tests)).toBeUndefined();
});
