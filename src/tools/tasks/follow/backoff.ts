import { UpstreamError } from '../../../upstream/index.js';

const FIRST_MS = 250;
const LONGEST_MS = 5000;
/** As long as anybody may follow a task; a timer takes what is far beyond it for nothing at all. */
const LONGEST_ASKED_MS = 3_600_000;

/** How long to wait before looking at a task again: longer each time nothing is heard, never less than asked for. */
export class Backoff {
  private pauseMs = FIRST_MS;
  private askedMs = 0;

  /** Something was heard: the next wait is short again. */
  heard(): void {
    this.pauseMs = FIRST_MS;
  }

  /** The runtime failed, and may have said when to come back. */
  failed(error: UpstreamError): void {
    this.askedMs = Math.min((error.body.retry_after_seconds ?? 0) * 1000, LONGEST_ASKED_MS);
  }

  next(): number {
    const pause = Math.max(this.pauseMs, this.askedMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_MS);
    this.askedMs = 0;
    return pause;
  }
}

/** Whether a failure may be gone in a moment, as a restart or an overload is. */
export function isPassing({ kind, status = 0 }: UpstreamError): boolean {
  return (
    kind === 'unreachable' || kind === 'timeout' || (kind === 'rejected' && (status === 429 || status >= 500))
  );
}
