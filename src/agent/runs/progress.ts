import type { RunProgress } from '../../contract/index.js';

const BEGINNING = /^::progress\s/;
const BEGINNING_LENGTH = '::progress '.length;

/** Parses `::progress value=0.35,step=7,total=20::message`; `undefined` for any other line. */
export function progressOf(line: string, stepName: string): RunProgress | undefined {
  if (!BEGINNING.test(line)) return undefined;
  // Not one regular expression: its time would grow with the square of the spaces in a line.
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

/** Number of reports that may be sent at once; */
const BURST = 50;
/** after that one report per interval: each becomes a row and an event for every client that follows the task. */
const REFILL_MS = 50;

/** Limits the rate of progress reports (token bucket); of reports that come too fast only the latest is sent. */
export class ProgressThrottle {
  private tokens = BURST;
  private filledAt = performance.now();
  private latest: RunProgress | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly pass: (progress: RunProgress) => void) {}

  add(progress: RunProgress): void {
    this.refill();
    this.latest = progress;
    if (this.tokens >= 1) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), REFILL_MS);
  }

  /** Sends the report that is held back. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { latest } = this;
    this.latest = undefined;
    if (latest === undefined) return;
    this.tokens = Math.max(0, this.tokens - 1);
    this.pass(latest);
  }

  private refill(): void {
    const now = performance.now();
    this.tokens = Math.min(BURST, this.tokens + (now - this.filledAt) / REFILL_MS);
    this.filledAt = now;
  }
}
