const MASK = '[hidden]';
/** Shorter values are not masked: they are not secrets, and occur in every log. */
const SHORTEST_SECRET = 4;
/** A longer value is also recognised by its beginning, because programs may truncate what they print. */
const RECOGNISED_LENGTH = 64;
/** A longer value is recognised by its beginning alone. */
const WHOLE_LENGTH = 4096;

/** Replaces secrets in text. */
export class SecretMask {
  private constructor(
    private readonly pattern: RegExp | undefined,
    /** Characters of the longest text that it replaces. */
    readonly longest: number,
  ) {}

  /** Masks these values, and each line of them: as they are, in JSON, percent-encoded, or in base64. */
  static of(values: readonly string[]): SecretMask {
    const secrets = values
      .flatMap((value) => [value, ...value.split(/\r?\n/)])
      .flatMap((value) => (value.trim().length >= SHORTEST_SECRET ? spellingsOf(value) : []));
    if (secrets.length === 0) return NO_SECRETS;
    // Longest first: one secret may start with another.
    const sorted = [...new Set(secrets)].toSorted((one, other) => other.length - one.length);
    return new SecretMask(new RegExp(sorted.map(patternOf).join('|'), 'g'), sorted[0]?.length ?? 0);
  }

  static none(): SecretMask {
    return new SecretMask(undefined, 0);
  }

  hide(text: string): string {
    return this.pattern === undefined ? text : text.replaceAll(this.pattern, MASK);
  }

  /** The position, or an earlier one, where the text can be divided without dividing a secret. */
  boundary(text: string, position: number): number {
    if (this.pattern === undefined) return position;
    for (const { index, 0: secret } of text.matchAll(this.pattern)) {
      if (index >= position) break;
      if (index + secret.length > position) return index;
    }
    return position;
  }
}

export const NO_SECRETS = SecretMask.none();

const spellingsOf = (value: string): string[] => [
  value,
  JSON.stringify(value).slice(1, -1),
  encodeURIComponent(value.toWellFormed()),
  Buffer.from(value).toString('base64'),
];

function patternOf(secret: string): string {
  if (secret.length <= RECOGNISED_LENGTH) return escaped(secret);
  const rest = secret.length - RECOGNISED_LENGTH;
  const begun = `${escaped(secret.slice(0, RECOGNISED_LENGTH))}\\S{0,${rest}}`;
  return secret.length <= WHOLE_LENGTH ? `${escaped(secret)}|${begun}` : begun;
}

const escaped = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}/-]/g, String.raw`\$&`);
