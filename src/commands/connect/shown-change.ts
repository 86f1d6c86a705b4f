/** Longer lines are shown only where they change: a file on one line holds much that others should not see. */
const LONG = 160;
/** Lines times lines that are compared; beyond it, all between the first and the last change counts as changed. */
const MOST_COMPARED = 4_000_000;

/** Keys of this product and of others, also in what a change removes. References to variables are none. */
const SECRETS = [
  /\b(?:[srp]k|ak|gh[a-z]|xox[a-z]|glpat)[-_][\w-]{6,}/g,
  /(?<=\b(?:Bearer|Basic) )[^"'$\s{][^"'\s]*/g,
  /\b(?=[\w+/-]*\d)(?=[\w+/-]*[A-Za-z])[\w+/-]{24,}={0,2}/g,
];

/** The lines that a change removes and adds, without keys. Other lines may have secrets and are not shown. */
export function shownChange(before: string, after: string): string {
  return changesOf(linesOf(before), linesOf(after)).flatMap(shown).join('\n');
}

/** Lines at one place of a file. */
interface LineChange {
  /** Of the file before, from 1. */
  readonly line: number;
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

function shown({ line, removed, added }: LineChange): string[] {
  const isLong = [...removed, ...added].some(({ length }) => length > LONG);
  const [less = [], more = []] = isLong
    ? changedParts(removed.join('\n'), added.join('\n'))
    : [removed, added];
  const marked = (lines: readonly string[], mark: string): string[] =>
    lines.map((each) => `${mark} ${withoutSecrets(each)}`.trimEnd());
  return [`@@ line ${line} @@`, ...marked(less, '-'), ...marked(more, '+')];
}

/** What two texts do not share at their begin and end. */
function changedParts(old: string, fresh: string): string[][] {
  const { start, end } = commonEnds(old, fresh);
  return [old, fresh].map((text) => {
    const part = text.slice(start, text.length - end);
    return part === '' ? [] : `…${part}…`.split('\n');
  });
}

function changesOf(old: readonly string[], fresh: readonly string[]): LineChange[] {
  const { start, end } = commonEnds(old, fresh);
  const [less, more] = [old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)];
  if (less.length * more.length > MOST_COMPARED) return [{ line: start + 1, removed: less, added: more }];
  const changes: LineChange[] = [];
  let [from, to] = [0, 0];
  for (const [index, other] of [...commonLines(less, more), [less.length, more.length] as const]) {
    const [removed, added] = [less.slice(from, index), more.slice(to, other)];
    if (removed.length + added.length > 0) changes.push({ line: start + from + 1, removed, added });
    [from, to] = [index + 1, other + 1];
  }
  return changes;
}

/** Indices of the lines of a longest common subsequence, in both lists. */
function commonLines(old: readonly string[], fresh: readonly string[]): (readonly [number, number])[] {
  const width = fresh.length + 1;
  const lengths = new Uint32Array((old.length + 1) * width);
  const at = (index: number, other: number): number => lengths[index * width + other] ?? 0;
  for (let index = old.length - 1; index >= 0; index -= 1)
    for (let other = fresh.length - 1; other >= 0; other -= 1)
      lengths[index * width + other] =
        old[index] === fresh[other]
          ? at(index + 1, other + 1) + 1
          : Math.max(at(index + 1, other), at(index, other + 1));
  const pairs: (readonly [number, number])[] = [];
  for (let index = 0, other = 0; index < old.length && other < fresh.length;) {
    if (old[index] === fresh[other]) pairs.push([index++, other++]);
    else if (at(index + 1, other) >= at(index, other + 1)) index += 1;
    else other += 1;
  }
  return pairs;
}

/** How many items two lists share at their begin, and of the rest at their end. */
function commonEnds(old: ArrayLike<string>, fresh: ArrayLike<string>): { start: number; end: number } {
  const most = Math.min(old.length, fresh.length);
  let start = 0;
  while (start < most && old[start] === fresh[start]) start += 1;
  let end = 0;
  while (end < most - start && old[old.length - 1 - end] === fresh[fresh.length - 1 - end]) end += 1;
  return { start, end };
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/));

const withoutSecrets = (line: string): string =>
  SECRETS.reduce((rest, secret) => rest.replace(secret, '…'), line);
