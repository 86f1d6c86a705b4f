import { expect, it } from 'vitest';

import { METRIC_GROUPS, prometheusName } from '../../src/telemetry/index.js';
import { metricsPage } from './metrics-page.js';

const metrics = METRIC_GROUPS.flatMap((group) => group.metrics);

it('docs/metrics.md is what src/telemetry says', async () => {
  await expect(metricsPage()).toMatchFileSnapshot('../../docs/metrics.md');
});

it('every metric has a name of its own, a description without a full stop, and a unit that fits its kind', () => {
  expect(metrics).not.toHaveLength(0);
  expect(new Set(metrics.map(prometheusName)).size).toBe(metrics.length);
  for (const { name, kind, unit, description, buckets } of metrics) {
    expect(description, name).toMatch(/^[A-Z\d].*[^.]$/);
    expect(unit, name).toMatch(/^(|s|By|1|\{[a-z]+\})$/);
    expect(buckets !== undefined, name).toBe(kind === 'histogram');
  }
});

it('every name is one that Prometheus takes without quotes', () => {
  for (const metric of metrics) expect(prometheusName(metric)).toMatch(/^[a-z][a-z\d_]*$/);
});
