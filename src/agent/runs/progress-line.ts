import type { RunProgress } from '../../contract/index.js';

const BEGINNING = /^::progress\s/;
const BEGINNING_LENGTH = '::progress '.length;

/** Reads `::progress value=0.35,step=7,total=20::message`; `undefined` when the line is an ordinary one. */
export function progressOf(line: string, stepName: string): RunProgress | undefined {
  if (!BEGINNING.test(line)) return undefined;
  // By hand: an expression for all of it takes time that grows with the square of the spaces in a line.
  const end = line.indexOf(':', BEGINNING_LENGTH);
  if (end < 0 || !line.startsWith('::', end)) return undefined;
  const pairs = line.slice(BEGINNING_LENGTH, end);
  const message = line.slice(end + 2);
  const fields = new Map(
    pairs.split(',').map((pair) => {
      const [name = '', text = ''] = pair.split('=');
      return [name.trim(), Number(text)] as const;
    }),
  );
  const step = wholeNumber(fields.get('step'));
  const total = wholeNumber(fields.get('total'));
  const value = fields.get('value') ?? (step ?? 0) / (total ?? 1);
  if (!Number.isFinite(value)) return undefined;
  return {
    progress: Math.min(1, Math.max(0, value)),
    current_node: stepName,
    ...(step !== undefined && { step_current: step }),
    ...(total !== undefined && { step_total: total }),
    ...(message && { message }),
  };
}

function wholeNumber(value: number | undefined): number | undefined {
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}
