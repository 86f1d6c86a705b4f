import { SetMetadata } from '@nestjs/common';

const STREAMING = 'cyberun:streaming';

/**
 * Marks a tool that takes long: its answer is a stream of events from the start, and a comment every fifteen seconds
 * keeps it awake while the tool reports nothing.
 */
export const Streaming = (): MethodDecorator => SetMetadata(STREAMING, true);

export const isStreaming = (method: object): boolean => Reflect.getMetadata(STREAMING, method) === true;
