const EXPRESSION = /(\{[^}]+\})/;
/** Longer ones match nothing: some patterns take quadratic time. */
const LONGEST_URI = 2048;

/**
 * A URI template (RFC 6570) that reads its variables from a URI: `{name}` within a segment, `{+name}` and `{name*}` over
 * several, `{?name,name}` in the query.
 */
export class UriTemplate {
  readonly variables: readonly string[];
  /** Characters outside its variables: of two templates that match a URI, the one with more describes it better. */
  readonly literalLength: number;
  private readonly pathNames: readonly string[];
  private readonly queryNames: readonly string[];
  private readonly pattern: RegExp;

  constructor(readonly text: string) {
    const parts = text.split(EXPRESSION);
    const expressions = parts.filter((part) => part.startsWith('{'));
    this.pathNames = expressions.filter((part) => !isQuery(part)).flatMap(namesIn);
    this.queryNames = expressions.filter(isQuery).flatMap(namesIn);
    this.variables = [...this.pathNames, ...this.queryNames];
    this.literalLength = parts.filter((part) => !part.startsWith('{')).join('').length;
    const query = this.queryNames.length > 0 ? String.raw`(?:\?(?<query>[^#]*))?` : '';
    this.pattern = new RegExp(`^${parts.map(patternOf).join('')}${query}$`);
  }

  /** The values of its variables; `undefined` for a URI of another form. */
  match(uri: string): Record<string, string> | undefined {
    const found = uri.length > LONGEST_URI ? null : this.pattern.exec(uri);
    if (!found) return undefined;
    try {
      const path = this.pathNames.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')]);
      const query = new URLSearchParams(found.groups?.['query']);
      const named = this.queryNames.flatMap((name) => (query.has(name) ? [[name, query.get(name)]] : []));
      return Object.fromEntries([...path, ...named]) as Record<string, string>;
    } catch {
      // An escape such as %zz.
      return undefined;
    }
  }
}

const isQuery = (expression: string): boolean => expression.startsWith('{?');

const namesIn = (expression: string): string[] =>
  expression
    .slice(1, -1)
    .split(',')
    .map((name) => name.replaceAll(/[+?*\s]/g, ''));

function patternOf(part: string): string {
  if (!part.startsWith('{')) return part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  if (isQuery(part)) return '';
  return part.startsWith('{+') || part.endsWith('*}') ? '([^?#]+)' : '([^/?#]+)';
}
