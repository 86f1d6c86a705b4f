/** A part of a file as text, up to a border that keeps it readable. */
interface TextPart {
  readonly text: string;
  /** Bytes of the file that it stands for, from the first on. */
  readonly length: number;
}

/**
 * The text in the bytes of a file, with at most so many bytes as JSON, to the end of a whole line if that does not cost
 * half of it; `undefined` for what is no text.
 */
export function textPart(bytes: Buffer, most: number): TextPart | undefined {
  const begin = firstCharacter(bytes);
  const text = decoded(bytes.subarray(begin));
  if (text === undefined) return undefined;
  const kept = shortened(text, most);
  return { text: kept, length: begin + Buffer.byteLength(kept) };
}

/** An offset may be inside a character. */
function firstCharacter(bytes: Buffer): number {
  const isContinued = (index: number): boolean => ((bytes[index] ?? 0) & 0xc0) === 0x80;
  return [0, 1, 2, 3].find((index) => !isContinued(index)) ?? 0;
}

function decoded(bytes: Buffer): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    // As a stream, since the last character may be cut off.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

function shortened(text: string, most: number): string {
  let kept = text;
  for (let size = sizeOf(kept); size > most; size = sizeOf(kept)) {
    kept = text.slice(0, Math.floor((kept.length * most) / size) - 1);
    if (/[\uD800-\uDBFF]$/.test(kept)) kept = kept.slice(0, -1);
  }
  if (kept.length === text.length) return kept;
  const end = kept.lastIndexOf('\n') + 1;
  return end > kept.length / 2 ? kept.slice(0, end) : kept;
}

const sizeOf = (text: string): number => Buffer.byteLength(JSON.stringify(text));
