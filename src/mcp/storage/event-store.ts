import { randomBytes } from 'node:crypto';

import type { SessionRecord } from './session-store.js';

/** How long what a stream said is kept after its end, for a client that lost its connection. */
export const KEEP_MS = 60_000;

/** A message of a stream, by its place in it: the first has place 1. */
export interface StoredEvent {
  readonly sequence: number;
  readonly message: string;
}

/** What comes after some place in a stream. */
export interface EventPage {
  readonly entries: readonly StoredEvent[];
  /** Nothing follows any more. */
  readonly isOver: boolean;
  /** Nothing will ever be said: the client has cancelled the call. */
  readonly isCancelled?: true;
}

/** What is left of a stream whose call the client has cancelled. */
export const CANCELLED: EventPage = { entries: [], isOver: true, isCancelled: true };

/** What one stream says, kept while it says it. */
export interface EventLog {
  /** Names the stream; no other of the session is called so. */
  readonly stream: string;
  /** Keeps a message; returns its place. */
  append(message: string): number;
  /** The same for the last message. */
  end(message: string): number;
  /** Keeps for a while that the client has cancelled it, and nothing else. */
  cancel(): void;
  /** Keeps nothing any more. */
  drop(): void;
}

/** A client that lost its connection, reading on. */
export interface EventReader extends Disposable {
  /** What comes after a place; `undefined` when nothing is kept of the stream. */
  after(sequence: number): Promise<EventPage | undefined>;
  /** Resolves when there may be more, and once in a while. */
  more(): Promise<void>;
  /** Lets go of whoever waits for more. */
  stop(): void;
}

/** What a stream is begun with. */
export interface EventLogOptions {
  /** The message that ends the stream, should this process die before it does. */
  readonly crashReply: () => string;
  /** Called when a client begins to read on over another connection, and now and then while it does. */
  readonly onRead: () => void;
}

/**
 * Where the streams of calls in sessions are stored, so that a client which lost its connection misses nothing. Each is
 * bounded in length and in time; what falls out is missed.
 */
export abstract class EventStore {
  abstract begin(session: SessionRecord, beginning: EventLogOptions): EventLog;

  /** Whatever is asked may throw a {@link JsonRpcHttpError} with status 503, when the place cannot be reached. */
  abstract read(session: SessionRecord, stream: string): EventReader;
}

const NAME_BYTES = 9;
const EVENT_ID = /^([\w-]{12})\.(\d{1,9})$/;

/** A place in a stream. */
export interface EventPosition {
  readonly stream: string;
  readonly sequence: number;
}

export const newStreamName = (): string => randomBytes(NAME_BYTES).toString('base64url');

export const eventIdOf = ({ stream, sequence }: EventPosition): string => `${stream}.${sequence}`;

/** The place an event id stands for; `undefined` when it is none of ours. */
export function positionOf(eventId: string): EventPosition | undefined {
  const [, stream, sequence] = EVENT_ID.exec(eventId) ?? [];
  return stream === undefined ? undefined : { stream, sequence: Number(sequence) };
}

/** Wakes one who waits. A ring while nobody waits is heard by the next one. */
export class Signal {
  private notified = Promise.withResolvers<void>();

  notify(): void {
    this.notified.resolve();
  }

  /** Resolves at the next ring, or when it did not come in time. */
  async wait(limitMs: number): Promise<void> {
    const timer = setTimeout(() => this.notify(), limitMs).unref();
    await this.notified.promise;
    clearTimeout(timer);
    this.notified = Promise.withResolvers();
  }
}
