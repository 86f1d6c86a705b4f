import { isTerminal, type TaskEventName } from '../../contract/index.js';
import { EventSignal, type TaskListener, type TaskNotification } from './task-notifications.js';

/** An event of a task; `sequence` counts from 1 without gaps. */
export interface TaskEventRow {
  readonly sequence: number;
  readonly event: TaskEventName;
  /** Size of its data. */
  readonly bytes: number;
  /** Reads its data as JSON on one line; large data is read from the database only then. */
  readonly read: () => Promise<string>;
}

export interface TaskEventPage {
  readonly rows: readonly TaskEventRow[];
  /** No further event follows. */
  readonly isLast: boolean;
}

/** What a slow reader may leave here; it reads rows when there is more. */
const EVENTS_KEPT = 100;

/** The events of one task that notifications have brought, for one reader. */
export class PushedEvents extends EventSignal implements TaskListener {
  private readonly events = new Map<number, TaskNotification>();
  private isReadDue = true;

  notified = (notification: TaskNotification): void => {
    this.events.set(notification.sequence, notification);
    if (this.events.size > EVENTS_KEPT) this.missed();
    else this.notify();
  };

  missed = (): void => {
    this.events.clear();
    this.isReadDue = true;
    this.notify();
  };

  /** The events that follow a sequence without a gap; `undefined` when rows must be read instead. */
  pageAfter(last: number): TaskEventPage | undefined {
    const rows: TaskEventRow[] = [];
    for (let at = last + 1; !this.isReadDue; at += 1) {
      const row = rowOf(this.events.get(at));
      if (!row) break;
      rows.push(row);
    }
    const reached = last + rows.length;
    for (const sequence of this.events.keys()) if (sequence <= reached) this.events.delete(sequence);
    if (rows.length > 0) return { rows, isLast: isTerminal(rows.at(-1)?.event ?? '') };
    this.isReadDue = false;
    return undefined;
  }

  /** Whether something has arrived that a reader who has come to this sequence does not know. */
  has(last: number): boolean {
    return this.isReadDue || [...this.events.keys()].some((sequence) => sequence > last);
  }

  override async wait(timeoutMs: number): Promise<boolean> {
    const wasNotified = await super.wait(timeoutMs);
    // A notification may be lost.
    if (!wasNotified) this.isReadDue = true;
    return wasNotified;
  }
}

function rowOf(notification: TaskNotification | undefined): TaskEventRow | undefined {
  if (!notification || notification.data === null) return undefined;
  const { sequence, event, data } = notification;
  return { sequence, event, bytes: Buffer.byteLength(data), read: () => Promise.resolve(data) };
}
