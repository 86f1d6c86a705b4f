/** On whose behalf a call is made: with which key, as part of which trace, and until when. */
export interface Caller {
  readonly key: string;
  /** W3C trace context of the client, when it sent one. */
  readonly traceparent?: string;
  /** Aborted when the client gives up. */
  readonly signal: AbortSignal;
}
