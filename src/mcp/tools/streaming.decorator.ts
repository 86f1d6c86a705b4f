import { SetMetadata } from '@nestjs/common';

const STREAMING = 'cyberun:streaming';

/** Says what a client should do, from the arguments as it gave them: nobody has looked at them yet. */
export type WhenLost = (args: Readonly<Record<string, unknown>>) => string;

/** How a tool streams. */
export interface Streamed {
  readonly whenLost?: WhenLost;
}

/**
 * Marks a tool that takes long: its answer is a stream of events from the start, and a comment every fifteen seconds
 * keeps it awake while the tool reports nothing.
 *
 * @param streamed.whenLost what to tell a client whose call was lost with the process that ran it.
 */
export const Streaming = (streamed: Streamed = {}): MethodDecorator => SetMetadata(STREAMING, streamed);

export const streamingOf = (method: object): Streamed | undefined =>
  Reflect.getMetadata(STREAMING, method) as Streamed | undefined;
