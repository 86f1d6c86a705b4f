import type { UpstreamError } from './upstream-error.js';

const FIRST_MS = 250;
const LONGEST_MS = 5000;
/** The longest time a task can be followed; a timer overflows far above it. */
const LONGEST_ASKED_MS = 3_600_000;

/** How long to wait before asking the runtime about a task again: longer each time without an event, never less than the runtime asks. */
export class Backoff {
  private nextMs = FIRST_MS;
  private askedMs = 0;

  /** An event arrived: the next wait is short again. */
  reset(): void {
    this.nextMs = FIRST_MS;
  }

  /** The runtime failed, and may have said when to retry. */
  failed(error: UpstreamError): void {
    this.askedMs = Math.min((error.body.retry_after_seconds ?? 0) * 1000, LONGEST_ASKED_MS);
  }

  next(): number {
    const ms = Math.max(this.nextMs, this.askedMs);
    this.nextMs = Math.min(this.nextMs * 2, LONGEST_MS);
    this.askedMs = 0;
    return ms;
  }
}

/**
 * Whether a failure may be temporary, as a restart or an overload is. A missing feature is not, and neither is what the caller
 * gave up: that says nothing about the runtime.
 */
export function isTemporary({ kind, status = 0 }: UpstreamError): boolean {
  return (
    kind === 'unreachable' || kind === 'timeout' || (kind === 'rejected' && (status === 429 || status >= 500))
  );
}
