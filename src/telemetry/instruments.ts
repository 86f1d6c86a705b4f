import { type Counter, type Histogram, type Meter, metrics } from '@opentelemetry/api';

import type { Metric } from './metric.js';

type LabelsOf<Of extends Metric> =
  Of extends Metric<infer Label> ? Partial<Record<Label, string | number>> : never;

/** Reports a value of a gauge. */
type Observe<Of extends Metric> = (value: number, labels?: LabelsOf<Of>) => void;

/** Instruments do nothing unless a provider was set before they were made. */
const meter = (): Meter => metrics.getMeter('cyberun-mcp');

const optionsOf = ({ unit, description }: Metric) => ({ description, ...(unit !== '' && { unit }) });

export const counterOf = <Of extends Metric>(metric: Of): Counter<LabelsOf<Of>> =>
  meter().createCounter(metric.name, optionsOf(metric));

export const histogramOf = <Of extends Metric>(metric: Of): Histogram<LabelsOf<Of>> =>
  meter().createHistogram(metric.name, {
    ...optionsOf(metric),
    ...(metric.buckets && { advice: { explicitBucketBoundaries: [...metric.buckets] } }),
  });

/** @param read called when the metrics are read; what it does not observe is not there. */
export function observe<Of extends Metric>(
  metric: Of,
  read: (observe: Observe<Of>) => void | Promise<void>,
): void {
  const { name, kind } = metric;
  const options = optionsOf(metric);
  const instrument =
    kind === 'counter'
      ? meter().createObservableCounter(name, options)
      : meter().createObservableGauge(name, options);
  instrument.addCallback((result) => read((value, labels) => result.observe(value, labels)));
}
