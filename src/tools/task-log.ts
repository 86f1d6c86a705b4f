import type { TaskLogLine } from '../contract/index.js';

/** Bytes of what begins anew when attempt, step or stream change. */
const PART_BYTES = 150;
/** Bytes of the end of a line, escaped. */
const BREAK_BYTES = 2;

type Origin = Pick<TaskLogLine, 'attempt' | 'step' | 'stream'>;

/** Whether a line has the same origin as the one before it. */
export const continues = (line: Origin, before: Origin): boolean =>
  line.attempt === before.attempt && line.step === before.step && line.stream === before.stream;

/** How many of these lines, from the first on, have at most so many bytes in an answer; at least one. */
export function fitting(lines: readonly TaskLogLine[], bytes: number): number {
  let left = bytes;
  for (const [index, line] of lines.entries()) {
    const before = lines[index - 1];
    left -= sizeOf(line.text) + BREAK_BYTES + (before && continues(line, before) ? 0 : PART_BYTES);
    if (left < 0 && index > 0) return index;
  }
  return lines.length;
}

/** A line that alone is too long, cut to about so many bytes. */
export function cutLine(line: TaskLogLine, bytes: number): TaskLogLine {
  const size = sizeOf(line.text);
  if (size <= bytes) return line;
  const kept = line.text.slice(0, Math.floor((line.text.length * bytes) / size)).toWellFormed();
  return {
    ...line,
    text: `${kept}… [the first ${kept.length} of ${line.text.length} characters of this line]`,
  };
}

const sizeOf = (text: string): number => Buffer.byteLength(JSON.stringify(text));

/** The last of these lines, as many as have about so many bytes in an answer, and how many are missing before them. */
export function newestLines(
  lines: readonly TaskLogLine[],
  bytes: number,
): { readonly missing: number; readonly shown: readonly TaskLogLine[] } {
  const missing = lines.length - fitting(lines.toReversed(), bytes);
  return { missing, shown: lines.slice(missing).map((line) => cutLine(line, bytes)) };
}

/** As {@link newestLines}, as one text. */
export function endOfLog(lines: readonly TaskLogLine[], bytes: number): string {
  const { missing, shown } = newestLines(lines, bytes);
  const cut = missing > 0 ? [`[${missing} earlier lines are left out: too long for one answer]`] : [];
  return [...cut, ...shown.map(({ text }) => text)].join('\n');
}
