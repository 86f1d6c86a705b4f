import { randomBytes } from 'node:crypto';

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
