import { randomBytes } from 'node:crypto';

import type { SessionRecord } from './session-store.js';

/** How long the events of a stream are stored after its end, for a client that lost its connection. */
export const KEEP_MS = 60_000;

/** A message of a stream with its sequence number, from 1. */
export interface StoredEvent {
  readonly sequence: number;
  readonly message: string;
}

/** The events after a position in a stream. */
export interface EventPage {
  readonly entries: readonly StoredEvent[];
  /** Nothing follows. */
  readonly isOver: boolean;
  /** No event will follow: the client cancelled the call. */
  readonly isCancelled?: true;
}

/** The page of a stream whose call the client cancelled. */
export const CANCELLED: EventPage = { entries: [], isOver: true, isCancelled: true };

/** The stored events of one stream. */
export interface EventLog {
  /** Name of the stream, unique in the session. */
  readonly stream: string;
  /** Stores a message; returns its sequence number. */
  append(message: string): number;
  /** The same for the last message. */
  end(message: string): number;
  /** Stores only that the client cancelled the call, for a while. */
  cancel(): void;
  /** Deletes everything. */
  drop(): void;
}

/** Reads a stream for a client that resumes it. */
export interface EventReader extends Disposable {
  /** The events after a sequence number; `undefined` when the stream is not stored. */
  after(sequence: number): Promise<EventPage | undefined>;
  /** Resolves when there may be more, and at intervals. */
  more(): Promise<void>;
  /** Resolves a pending `more()`. */
  stop(): void;
}

/** Options of a new event log. */
export interface EventLogOptions {
  /** The message that ends the stream if this process dies before. */
  readonly crashReply: () => string;
  /** Called when a client resumes on another connection, and regularly while it reads. */
  readonly onRead: () => void;
}

/**
 * Stores the events of calls in sessions, so that a client which lost its connection can resume. Each stream is limited
 * in length and time; older events are lost.
 */
export abstract class EventStore {
  abstract begin(session: SessionRecord, beginning: EventLogOptions): EventLog;

  /** Its methods may throw a {@link JsonRpcHttpError} with status 503, when the store is unreachable. */
  abstract read(session: SessionRecord, stream: string): EventReader;
}

const NAME_BYTES = 9;
const EVENT_ID = /^([\w-]{12})\.(\d{1,9})$/;

/** A position in a stream. */
export interface EventPosition {
  readonly stream: string;
  readonly sequence: number;
}

export const newStreamName = (): string => randomBytes(NAME_BYTES).toString('base64url');

export const eventIdOf = ({ stream, sequence }: EventPosition): string => `${stream}.${sequence}`;

/** The position of an event id; `undefined` for an id of another server. */
export function positionOf(eventId: string): EventPosition | undefined {
  const [, stream, sequence] = EVENT_ID.exec(eventId) ?? [];
  return stream === undefined ? undefined : { stream, sequence: Number(sequence) };
}

/** Wakes one waiter. A notification without a waiter wakes the next one. */
export class Signal {
  private notified = Promise.withResolvers<void>();

  notify(): void {
    this.notified.resolve();
  }

  /** Resolves at the next notification or after the timeout. */
  async wait(limitMs: number): Promise<void> {
    const timer = setTimeout(() => this.notify(), limitMs).unref();
    await this.notified.promise;
    clearTimeout(timer);
    this.notified = Promise.withResolvers();
  }
}

const MAX_ENTRIES = 1000;
const MAX_CHARACTERS = 1_048_576;

/** The stored part of a stream: its latest messages, up to a number and a length, and always the last one. */
export class RetentionWindow {
  private readonly lengths: number[] = [];
  private total = 0;
  private oldest = 1;

  /** Characters kept. */
  get length(): number {
    return this.total;
  }

  /** Adds a message; returns the sequence number of the oldest one in the window. */
  admit(message: string): number {
    this.lengths.push(message.length);
    this.total += message.length;
    while (this.lengths.length > 1 && this.isOverfull) {
      this.total -= this.lengths.shift() ?? 0;
      this.oldest += 1;
    }
    return this.oldest;
  }

  private get isOverfull(): boolean {
    return this.lengths.length > MAX_ENTRIES || this.total > MAX_CHARACTERS;
  }
}
