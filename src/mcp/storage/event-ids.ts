import { randomBytes } from 'node:crypto';

const NAME_BYTES = 9;
const EVENT_ID = /^([\w-]{12})\.(\d{1,9})$/;

/** A place in a stream. */
export interface EventPlace {
  readonly stream: string;
  readonly place: number;
}

export const newStreamName = (): string => randomBytes(NAME_BYTES).toString('base64url');

export const eventIdOf = ({ stream, place }: EventPlace): string => `${stream}.${place}`;

/** The place an event id stands for; `undefined` when it is none of ours. */
export function placeOf(eventId: string): EventPlace | undefined {
  const [, stream, place] = EVENT_ID.exec(eventId) ?? [];
  return stream === undefined ? undefined : { stream, place: Number(place) };
}
