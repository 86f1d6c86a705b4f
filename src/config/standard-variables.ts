/** A variable that is set, and its text. */
interface SetVariable {
  readonly name: string;
  readonly text: string;
}

/** RFC 9110: the name of a header; names of attributes are a subset of it. */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * Reads variables that are not ours, but a standard. Their specification wants a value that is not understood to be ignored
 * with a warning: the same variables often are set for every container of a pod.
 */
export class StandardVariables {
  readonly warnings: string[] = [];

  constructor(private readonly environment: NodeJS.ProcessEnv) {}

  warn(sentence: string): void {
    this.warnings.push(sentence);
  }

  /** The first of these that is set; an empty one is not. */
  text(names: readonly string[]): SetVariable | undefined {
    for (const name of names) {
      const text = this.environment[name]?.trim() ?? '';
      if (text !== '') return { name, text };
    }
    return undefined;
  }

  isTrue(name: string): boolean {
    const given = this.text([name]);
    const value = given?.text.toLowerCase();
    if (given && value !== 'true' && value !== 'false') this.ignore(given, 'true or false');
    return value === 'true';
  }

  oneOf<Value extends string>(names: readonly string[], known: readonly Value[]): Value | undefined {
    const given = this.text(names);
    if (!given) return undefined;
    const found = known.find((value) => value === given.text);
    if (found === undefined) this.ignore(given, `one of ${known.join(', ')}`);
    return found;
  }

  /** Those of a list with commas that are known; `undefined` when there is none. */
  list(name: string, known: readonly string[]): string[] | undefined {
    const given = this.text([name]);
    if (!given) return undefined;
    const named = given.text.split(',').map((part) => part.trim());
    const unknown = named.find((value) => !known.includes(value));
    if (unknown !== undefined) this.ignore({ name, text: unknown }, `one of ${known.join(', ')}`);
    const found = named.filter((value) => known.includes(value));
    return found.length > 0 ? found : undefined;
  }

  wholeNumber(names: readonly string[], { min }: { readonly min: number }): number | undefined {
    const given = this.text(names);
    if (!given) return undefined;
    const value = Number(given.text);
    if (Number.isSafeInteger(value) && value >= min && value < 2 ** 31) return value;
    this.ignore(given, `a whole number of at least ${min}`);
    return undefined;
  }

  ratio(name: string): number | undefined {
    const given = this.text([name]);
    if (!given) return undefined;
    const value = Number(given.text);
    if (value >= 0 && value <= 1) return value;
    this.ignore(given, 'a number from 0 to 1');
    return undefined;
  }

  /** Not shown when it is not valid, since a URL may hold a password. */
  url(name: string): string | undefined {
    const given = this.text([name]);
    if (!given) return undefined;
    const url = URL.parse(given.text);
    if (url && /^https?:$/.test(url.protocol)) return given.text;
    this.warn(`${name} is ignored: it must be an http or https URL. Example: http://localhost:4318`);
    return undefined;
  }

  /** `name=value` with commas between, values percent-encoded. Not shown when it is not valid: it may hold a secret. */
  pairs(names: readonly string[]): Record<string, string> {
    const given = this.text(names);
    const pairs: Record<string, string> = {};
    for (const part of given?.text.split(',') ?? []) {
      if (part.trim() === '') continue;
      const pair = pairIn(part);
      if (pair) pairs[pair.name] = pair.text;
      else
        this.warn(
          `${given?.name ?? ''} has an entry that is ignored: each must be name=value, with the value percent-encoded and commas between.`,
        );
    }
    return pairs;
  }

  private ignore({ name, text }: SetVariable, expected: string): void {
    this.warn(`${name} is "${text}", which is ignored: it must be ${expected}.`);
  }
}

function pairIn(part: string): SetVariable | undefined {
  const at = part.indexOf('=');
  const name = part.slice(0, at).trim();
  const text = decoded(part.slice(at + 1).trim());
  return at > 0 && TOKEN.test(name) && text !== undefined && PRINTABLE.test(text)
    ? { name, text }
    : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
