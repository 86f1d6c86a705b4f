import { SetMetadata } from '@nestjs/common';

const STREAMING = 'cyberun:streaming';

/** Returns advice for the client, from its arguments, which are not validated yet. */
export type WhenLost = (args: Readonly<Record<string, unknown>>) => string;

/** How a tool streams. */
export interface Streamed {
  readonly whenLost?: WhenLost;
}

/**
 * Marks a tool that takes long: its response is an event stream from the start, and a comment every fifteen seconds
 * keeps it alive while the tool reports nothing.
 *
 * @param streamed.whenLost advice for a client whose call was lost with its process.
 */
export const Streaming = (streamed: Streamed = {}): MethodDecorator => SetMetadata(STREAMING, streamed);

export const streamingOf = (method: object): Streamed | undefined =>
  Reflect.getMetadata(STREAMING, method) as Streamed | undefined;
