/** A page of metrics as Prometheus reads it. */
export class PrometheusPage {
  /** The labels of each series, by the name of its metric. */
  readonly labels = new Map<string, Set<string>>();
  private readonly values = new Map<string, number>();

  constructor(readonly text: string) {
    for (const line of text.split('\n')) this.add(line);
  }

  static async read(url: string): Promise<PrometheusPage> {
    return new PrometheusPage(await (await fetch(url)).text());
  }

  /** The sum of the series of a metric that have these labels. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    let sum = 0;
    for (const [series, value] of this.values) {
      const given = series.slice(name.length).replace(/^\{|\}$/g, '');
      const isNamed = series === name || series.startsWith(`${name}{`);
      if (isNamed && wanted.every((each) => `,${given},`.includes(`,${each},`))) sum += value;
    }
    return sum;
  }

  private add(line: string): void {
    const {
      name,
      labels = '',
      value,
    } = /^(?<name>[a-z_:][\w:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/i.exec(line)?.groups ?? {};
    if (name === undefined) return;
    const known = this.labels.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(?:^|,)(\w+)="/g)) known.add(label);
    this.labels.set(name, known);
    this.values.set(labels === '' ? name : `${name}{${labels}}`, Number(value));
  }
}

/** Words of PromQL that are no metrics and are not followed by a parenthesis. */
const WORDS: ReadonlySet<string> = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);

/** What an expression of PromQL names. */
export interface NamedSeries {
  readonly metrics: ReadonlyMap<string, ReadonlySet<string>>;
  /** Labels by which it groups or joins. */
  readonly groupings: ReadonlySet<string>;
}

/** Metrics with the labels that they are selected by, and the labels of groupings. */
export function seriesNamedIn(expression: string): NamedSeries {
  const metrics = new Map<string, Set<string>>();
  const groupings = new Set<string>();
  const withoutTexts = expression.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  const rest = withoutTexts.replaceAll(
    /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g,
    (_grouping, list: string) => {
      for (const label of list.split(',')) groupings.add(label.trim());
      return ' ';
    },
  );
  const selectors = rest
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .matchAll(/\b([a-z_][\w:]*)\b(?!\s*\()(?:\s*\{([^}]*)\})?/gi);
  for (const [, name = '', matchers = ''] of selectors) {
    if (WORDS.has(name.toLowerCase())) continue;
    const labels = metrics.get(name) ?? new Set();
    for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) labels.add(label);
    metrics.set(name, labels);
  }
  return { metrics, groupings };
}
