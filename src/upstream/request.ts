import type { z } from 'zod';

/** What is asked of the Runtime API. */
export interface Asked {
  /** As one would say it after "asked to": "run the workflow". */
  readonly operation: string;
  readonly method: 'GET' | 'POST';
  /** Segments below the base URL, not encoded. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
  /** For a POST: what the model should know or do when nobody can say whether it took effect. */
  readonly whenUnsure?: string;
  /** Media type wanted, if not JSON. */
  readonly accept?: string;
  /** A stream of events goes on after this one, if the runtime can. */
  readonly lastEventId?: string | undefined;
}

/** One call with a JSON answer. */
export interface UpstreamRequest<Answer> extends Asked {
  readonly answer: z.ZodType<Answer>;
  /** Reads the answer, in place of `JSON.parse`. */
  readonly parse?: (text: string) => unknown;
}

/** One stream of server-sent events. */
export interface UpstreamEventsRequest extends Pick<Asked, 'operation' | 'path' | 'lastEventId'> {
  /** Silence after which the stream counts as broken. */
  readonly idleMs?: number;
}

export interface ServerSentEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

/** Deals with an event; resolves to whether to hear no more of them. */
export type Hear = (event: ServerSentEvent) => Promise<boolean>;

/** What the runtime thinks of a key. */
export interface Verdict {
  readonly isValid: boolean;
  /** Absent: not told, so the runtime decides call by call. */
  readonly permissions?: ReadonlySet<string>;
}
