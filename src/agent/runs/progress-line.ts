import type { RunProgress } from '../../contract/index.js';

const PROGRESS_LINE = /^::progress\s+([^:]*)::(.*)$/;

/** Reads `::progress value=0.35,step=7,total=20::message`; `undefined` when the line is an ordinary one. */
export function progressOf(line: string, stepName: string): RunProgress | undefined {
  const [, pairs, message] = PROGRESS_LINE.exec(line) ?? [];
  if (pairs === undefined) return undefined;
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
