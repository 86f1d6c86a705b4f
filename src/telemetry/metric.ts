/** What is measured, and by which labels. */
export interface Metric<Label extends string = string> {
  /** The name for OpenTelemetry. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** In UCUM: `s`, `By`, `1` for a ratio, or what is counted in braces; empty for a state. */
  readonly unit: string;
  readonly description: string;
  /** Each label, with its values in words. */
  readonly labels: Readonly<Record<Label, string>>;
  /** Upper bounds of the buckets of a histogram. */
  readonly buckets?: readonly number[];
  /** Whether it describes the whole database, and not only the process that has it on its page. */
  readonly isShared?: boolean;
}

type Described<Label extends string> = Pick<Metric<Label>, 'unit' | 'description'> &
  Partial<Pick<Metric<Label>, 'labels' | 'buckets' | 'isShared'>>;

const metric = <const Label extends string = never>(
  kind: Metric['kind'],
  name: string,
  { labels = {} as Record<Label, string>, ...described }: Described<Label>,
): Metric<Label> => ({ kind, name, labels, ...described });

export const counter = <const Label extends string = never>(
  name: string,
  described: Described<Label>,
): Metric<Label> => metric('counter', name, described);

export const gauge = <const Label extends string = never>(
  name: string,
  described: Described<Label>,
): Metric<Label> => metric('gauge', name, described);

export const histogram = <const Label extends string = never>(
  name: string,
  described: Described<Label>,
): Metric<Label> => metric('histogram', name, described);

/** Units that Prometheus has in the name of a metric. */
const SUFFIXES: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes', '1': 'ratio' };

/** The name with its unit, as the exporters of OpenTelemetry in other languages and its collector write it. */
export function nameWithUnit({ name, unit }: Metric): string {
  const suffix = SUFFIXES[unit];
  return suffix === undefined ? name : `${name}.${suffix}`;
}

/** The name on the page; a histogram has it with `_bucket`, `_sum` and `_count`. */
export const prometheusName = (metric: Metric): string =>
  prometheusLabel(nameWithUnit(metric)) + (metric.kind === 'counter' ? '_total' : '');

export const prometheusLabel = (name: string): string => name.replaceAll(/\W/g, '_');
