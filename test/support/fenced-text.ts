/** The text of a result, read as a careful model reads it. */
export interface FencedText {
  /** Outside of every fence. */
  readonly outside: string;
  /** What each fence encloses. */
  readonly inside: readonly string[];
}

const OPENING = /^<(untrusted-[0-9a-f]{8})(?: [\w.-]+)?>$/;

/**
 * Splits a text at its fences: a line that opens one, and the next line that closes the same.
 *
 * @throws when a fence is not closed.
 */
export function fencedText(text: string): FencedText {
  const outside: string[] = [];
  const inside: string[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const [, tag] = OPENING.exec(line) ?? [];
    if (tag === undefined) {
      outside.push(line);
      continue;
    }
    const end = lines.indexOf(`</${tag}>`, at + 1);
    if (end === -1) throw new Error(`nothing closes ${line}`);
    inside.push(lines.slice(at + 1, end).join('\n'));
    at = end;
  }
  return { outside: outside.join('\n'), inside };
}
