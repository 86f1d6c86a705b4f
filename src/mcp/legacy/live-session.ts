import type { Call } from '../transport/call.js';
import type { EventStream } from '../transport/event-stream.js';
import { type Listed, Roster } from '../transport/roster.js';
import type { SessionLink } from './session-link.js';
import type { SessionRecord } from './sessions.js';

/** A call on the roster of its session; on that of the process it is itself. */
interface InProgress extends Listed {
  readonly call: Call;
}

/** What is going on in a session right now, in this process; nothing of it has to survive. */
export class LiveSession {
  readonly inProgress = new Roster<InProgress>();
  stream: EventStream | undefined;
  /** Streams of calls, here or in other replicas, that the client has come back to. */
  readonly resumed = new Map<string, EventStream>();
  link: SessionLink | undefined;

  /** @param record as the latest request found it. */
  constructor(public record: SessionRecord) {}

  /** Nothing is: all that is left of the session is its record. */
  get isQuiet(): boolean {
    return this.inProgress.size === 0 && this.resumed.size === 0 && !this.stream && !this.link;
  }

  /** The call with this id; of two that share one, the later. */
  callOf(id: unknown): Call | undefined {
    return [...this.inProgress].findLast(({ call }) => call.id === id)?.call;
  }

  /** Ends everything at once. */
  end(reason: string): void {
    for (const { call } of this.inProgress) call.cancel(reason);
    this.stream?.end();
    for (const stream of this.resumed.values()) stream.end();
    void this.link?.close();
  }
}
